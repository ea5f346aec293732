//! What the text of a module names: paths in code, in `use`, in attributes, and in the tokens of macros.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::tree::Module;

/// A name that a `use` brings in.
#[derive(Debug)]
pub(crate) struct Import {
    /// What it is called here; none if it is `*`.
    pub(crate) name: Option<String>,
    /// What it stands for.
    pub(crate) path: Vec<String>,
}

/// A path in the text.
#[derive(Debug)]
pub(crate) struct Mention {
    /// Its names in order.
    pub(crate) path: Vec<String>,
    /// Whether the text says `*` after it.
    pub(crate) glob: bool,
    /// Its line in the file.
    pub(crate) line: usize,
}

/// Notes what an item defines, imports and names.
pub(crate) fn collect(item: &syn::Item, module: &mut Module) {
    module.items.extend(defined(item).map(ToString::to_string));
    Collector { module }.visit_item(item);
}

fn defined(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Const(item) => Some(&item.ident),
        syn::Item::Enum(item) => Some(&item.ident),
        syn::Item::Fn(item) => Some(&item.sig.ident),
        syn::Item::Macro(item) => item.ident.as_ref(),
        syn::Item::Static(item) => Some(&item.ident),
        syn::Item::Struct(item) => Some(&item.ident),
        syn::Item::Trait(item) => Some(&item.ident),
        syn::Item::TraitAlias(item) => Some(&item.ident),
        syn::Item::Type(item) => Some(&item.ident),
        syn::Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

/// The attributes of an item.
pub(crate) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether something is compiled for tests only: `cfg(test)`, alone or in an `all`.
pub(crate) fn only_in_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.path().is_ident("cfg").then(|| attribute.parse_args().ok());
        condition.flatten().is_some_and(|meta: syn::Meta| asks_for_test(&meta))
    })
}

fn asks_for_test(condition: &syn::Meta) -> bool {
    match condition {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("all") => {
            let comma = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
            list.parse_args_with(comma).is_ok_and(|all| all.iter().any(asks_for_test))
        }
        _ => false,
    }
}

struct Collector<'a> {
    module: &'a mut Module,
}

impl Collector<'_> {
    fn mention(&mut self, path: Vec<String>, glob: bool, line: usize) {
        self.module.mentions.push(Mention { path, glob, line });
    }

    /// Every leaf of a `use`.
    fn leaves(&mut self, tree: &syn::UseTree, prefix: &[String]) {
        let with = |ident: &syn::Ident| {
            let mut path = prefix.to_vec();
            // In a group `self` is what stands before it.
            if ident != "self" || path.is_empty() {
                path.push(ident.to_string());
            }
            path
        };
        let (ident, name) = match tree {
            syn::UseTree::Path(tree) => return self.leaves(&tree.tree, &with(&tree.ident)),
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.leaves(tree, prefix));
            }
            syn::UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.mention(prefix.to_vec(), true, line);
                return self.module.imports.push(Import { name: None, path: prefix.to_vec() });
            }
            syn::UseTree::Name(leaf) => (&leaf.ident, None),
            syn::UseTree::Rename(leaf) => (&leaf.ident, Some(leaf.rename.to_string())),
        };
        let path = with(ident);
        self.mention(path.clone(), false, ident.span().start().line);
        let name = name.or_else(|| path.last().cloned());
        self.module.imports.push(Import { name, path });
    }

    /// Every path among tokens, but what is looked up elsewhere: after a point, or after a leading `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(first) => {
                    let elsewhere = colons(&tokens, at.wrapping_sub(2)) || point(&tokens, at);
                    let path = path_at(&tokens, at);
                    at += 3 * path.len() - 2;
                    if !elsewhere {
                        self.mention(path, false, first.span().start().line);
                    }
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    at += 1;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
            }
        }
    }
}

/// The names that are joined by `::` from a place on.
fn path_at(tokens: &[TokenTree], begin: usize) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = begin;
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        path.push(name.to_string());
        if !colons(tokens, at + 1) {
            break;
        }
        at += 3;
    }
    path
}

fn is(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn colons(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens.get(at), ':') && is(tokens.get(at.wrapping_add(1)), ':')
}

/// Whether a point stands before a place, and not the two of a range.
fn point(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens.get(at.wrapping_sub(1)), '.') && !is(tokens.get(at.wrapping_sub(2)), '.')
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !only_in_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &*item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !only_in_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !only_in_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !only_in_tests(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.leaves(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let first = path.segments.first().map_or(0, |first| first.ident.span().start().line);
            self.mention(names, false, first);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    /// Who may see something isn't who uses it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let syn::Meta::List(list) = &attribute.meta else { return };
        self.tokens(list.tokens.clone());
        // serde names functions and modules by strings.
        if list.path.is_ident("serde") {
            for token in list.tokens.clone() {
                let TokenTree::Literal(literal) = token else { continue };
                let line = literal.span().start().line;
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                let path = text.and_then(|text| text.parse::<syn::Path>());
                if let Ok(path) = path {
                    let names = path.segments.iter().map(|segment| segment.ident.to_string());
                    self.mention(names.collect(), false, line);
                }
            }
        }
    }
}
