//! The tree of modules of a crate: what each declares, imports and names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::mentions::{self, Import, Mention};

/// A module by its number in the tree; the root is 0.
pub(crate) type Id = usize;

/// The root's number.
pub(crate) const ROOT: Id = 0;

/// A module. What is compiled for tests only is left out of it.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Its name; that of the root is `crate`.
    pub(crate) name: String,
    /// The module that declares it.
    pub(crate) parent: Option<Id>,
    /// The file that its text is in.
    pub(crate) file: PathBuf,
    /// The modules that it declares.
    pub(crate) children: BTreeMap<String, Id>,
    /// The names that it defines besides.
    pub(crate) items: BTreeSet<String>,
    /// The names that it brings in by `use`, re-exports among them.
    pub(crate) imports: Vec<Import>,
    /// Every path in its text.
    pub(crate) mentions: Vec<Mention>,
}

impl Module {
    /// Whether a `use` in it brings in a name.
    pub(crate) fn imports(&self, name: &str) -> bool {
        self.imports.iter().any(|import| import.name.as_deref() == Some(name))
    }
}

/// All modules of a crate.
#[derive(Debug)]
pub(crate) struct Tree {
    modules: Vec<Module>,
}

/// What reads a file by its path, if it is there.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

impl Tree {
    /// The tree that grows from a root file.
    pub(crate) fn grow(root: &Path, read: Read<'_>) -> Self {
        let mut tree = Self { modules: Vec::new() };
        let text = read(root).unwrap_or_else(|| panic!("there is no {}", root.display()));
        let place = Place { file: root.to_owned(), folder: root.parent().unwrap().to_owned() };
        tree.add("crate", None, &place, parse(root, &text), read);
        tree
    }

    fn add(
        &mut self,
        name: &str,
        parent: Option<Id>,
        place: &Place,
        items: Vec<syn::Item>,
        read: Read<'_>,
    ) -> Id {
        let id = self.modules.len();
        let (name, file) = (name.to_owned(), place.file.clone());
        self.modules.push(Module { name, parent, file, ..Module::default() });
        for item in items {
            if mentions::only_in_tests(mentions::attributes(&item)) {
                continue;
            }
            if let syn::Item::Mod(child) = item {
                let name = child.ident.to_string();
                let (place, items) = place.of(child, read);
                let child = self.add(&name, Some(id), &place, items, read);
                self.modules[id].children.insert(name, child);
            } else {
                mentions::collect(&item, &mut self.modules[id]);
            }
        }
        id
    }

    /// A module.
    pub(crate) fn module(&self, id: Id) -> &Module {
        &self.modules[id]
    }

    /// All modules.
    pub(crate) fn ids(&self) -> std::ops::Range<Id> {
        0..self.modules.len()
    }

    /// A module and all above it, the root last.
    pub(crate) fn upwards(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(Some(id), |&id| self.modules[id].parent)
    }

    /// Its path from the root: `crate::a::b`.
    pub(crate) fn path(&self, id: Id) -> String {
        let mut names: Vec<_> = self.upwards(id).map(|id| &*self.modules[id].name).collect();
        names.reverse();
        names.join("::")
    }
}

/// Where a module's text is, and where that of its children is to be looked for.
struct Place {
    file: PathBuf,
    folder: PathBuf,
}

impl Place {
    /// Where a child is, and what it contains.
    fn of(&self, child: syn::ItemMod, read: Read<'_>) -> (Self, Vec<syn::Item>) {
        let name = child.ident.to_string();
        let folder = self.folder.join(&name);
        if let Some((_, items)) = child.content {
            return (Self { file: self.file.clone(), folder }, items);
        }
        let beside = self.folder.join(format!("{name}.rs"));
        let within = folder.join("mod.rs");
        let found = [beside, within].into_iter().find_map(|file| Some((read(&file)?, file)));
        let (text, file) = found.unwrap_or_else(|| panic!("nowhere is `mod {name}`"));
        let items = parse(&file, &text);
        (Self { file, folder }, items)
    }
}

/// The items of a file.
pub(crate) fn parse(file: &Path, text: &str) -> Vec<syn::Item> {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items
}
