//! What a path leads to: the module in which the item is that it names.

use crate::tree::{Id, ROOT, Tree};

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The modules that re-export what the path names, on the way to it.
    pub(crate) by: Vec<Id>,
    /// The module that is named, or in which the named item is.
    pub(crate) to: Id,
    /// Whether the path names the module itself.
    pub(crate) is_module: bool,
}

/// Longest chain of imports that is followed.
const CHAIN_MAX: usize = 16;

impl Tree {
    /// Where a path leads that stands in module `from`. None if it leads out of the crate, or isn't a path to an item.
    pub(crate) fn resolve(&self, from: Id, path: &[String]) -> Option<Way> {
        self.follow(from, path, CHAIN_MAX)
    }

    fn follow(&self, from: Id, path: &[String], chain: usize) -> Option<Way> {
        let mut way: Option<Way> = None;
        for name in path {
            way = Some(match (&way, &**name) {
                (None, "crate") => Way::module(ROOT),
                (None, "self") => Way::module(from),
                (None, "super") => Way::module(self.module(from).parent?),
                (None, _) => self.binding(from, name, chain)?,
                (Some(way), "super") => Way::module(self.module(way.to).parent?),
                (Some(way), _) if way.is_module => {
                    let next = self.binding(way.to, name, chain);
                    // What a macro makes isn't to be seen; it is where the macro is.
                    next.unwrap_or_else(|| Way::item(way.to)).after(way)
                }
                // A variant, an associated function: they are where their type is.
                (Some(way), _) => return Some(way.clone()),
            });
        }
        way
    }

    /// What a name stands for in a module: what it declares, defines or imports.
    fn binding(&self, module: Id, name: &str, chain: usize) -> Option<Way> {
        let chain = chain.checked_sub(1)?;
        let here = self.module(module);
        if let Some(&child) = here.children.get(name) {
            return Some(Way::module(child));
        }
        if here.items.contains(name) {
            return Some(Way::item(module));
        }
        let named = here.imports.iter().filter(|import| import.name.as_deref() == Some(name));
        // `use metrics::metrics` says nothing of `metrics` itself.
        let mut named = named.filter(|import| import.path[0] != name);
        if let Some(import) = named.next() {
            return Some(self.follow(module, &import.path, chain)?.by(module));
        }
        let globs = here.imports.iter().filter(|import| import.name.is_none());
        globs.filter(|glob| glob.path[0] != name).find_map(|glob| {
            let from = self.follow(module, &glob.path, chain)?;
            let found = from.is_module.then(|| self.binding(from.to, name, chain)).flatten()?;
            Some(found.by(module))
        })
    }
}

impl Way {
    const fn module(id: Id) -> Self {
        Self { by: Vec::new(), to: id, is_module: true }
    }

    const fn item(id: Id) -> Self {
        Self { by: Vec::new(), to: id, is_module: false }
    }

    fn by(mut self, module: Id) -> Self {
        self.by.push(module);
        self
    }

    fn after(mut self, before: &Self) -> Self {
        self.by.extend(&before.by);
        self
    }
}
