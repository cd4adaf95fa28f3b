//! Which file of a crate needs which, read from the text, and where that goes round in a circle.
//!
//! A module is a file. A file needs another one if it names something that is defined there, in a `use` or
//! in the middle of the code, by whatever path. A parent and its child are files like any other: if a child
//! needs what its parent defines, the parent can't need the child, and the definition belongs to a third file.
//!
//! Three things are not needs. `mod x;` only says that there is a file. `pub use` only gives a definition a
//! shorter address: who uses that address needs the file of the definition. And `use` of a module alone is a
//! shorter address, too: the paths through it count. Tests may name what they like.
//!
//! What the text doesn't show is not seen: methods, and macros that write paths. A module with a body
//! (`mod x { … }`) other than tests would be misread, so it is a finding.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, tokens};

/// A module's place in its crate; the root's is empty.
type Module = Vec<String>;

/// The names of a path, with the last one `*` if it means all.
type Names = Vec<String>;

/// A file: its path below the folder of the crate's root, and its text without tests.
pub struct File<'a> {
    pub path: &'a str,
    pub text: &'a str,
}

/// What a file says about others.
#[derive(Default)]
struct Said {
    /// `use`: the name that it makes, and the path.
    imports: Vec<(String, Names)>,
    /// `pub use`, in the same way.
    exports: Vec<(String, Names)>,
    /// Paths in the middle of the code.
    paths: Vec<Names>,
    /// Modules whose body is in the file.
    bodies: Vec<String>,
}

/// Each circle as the needs that it is made of: "`a.rs` needs `b.rs` (Thing)".
pub fn circles(files: &[File<'_>]) -> Vec<String> {
    let modules: BTreeMap<Module, &str> = files.iter().map(|file| (module(file.path), file.path)).collect();
    let said: BTreeMap<Module, Said> =
        files.iter().map(|file| (module(file.path), read(&code(file.text)))).collect();
    let mut findings: Vec<String> = said
        .iter()
        .flat_map(|(module, said)| said.bodies.iter().map(|body| (modules[module], body)))
        .map(|(path, body)| format!("{path}: give `mod {body}` a file of its own"))
        .collect();
    let krate = Crate { said };
    let needs: BTreeMap<&Module, BTreeMap<Module, BTreeSet<String>>> =
        modules.keys().map(|module| (module, krate.needs(module))).collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        modules.keys().map(|module| (module, reached(&needs, module))).collect();
    let mut seen = BTreeSet::new();
    for module in modules.keys() {
        // The files that are reached and reach back: none, if this one is in no circle.
        let back = |other: &&Module| reached[other].contains(module);
        let circle: Vec<&Module> = reached[module].iter().copied().filter(back).collect();
        if !circle.iter().all(|module| seen.insert(*module)) {
            continue;
        }
        let lines = circle.iter().flat_map(|from| {
            let inside = needs[from].iter().filter(|(to, _)| circle.contains(to));
            inside.map(|(to, names)| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("{} needs {} ({})", modules[*from], modules[to], names.join(", "))
            })
        });
        let lines: Vec<String> = lines.collect();
        if !lines.is_empty() {
            findings.push(lines.join("\n    "));
        }
    }
    findings
}

/// Everything that a file needs, and what that needs.
fn reached<'a>(
    needs: &'a BTreeMap<&'a Module, BTreeMap<Module, BTreeSet<String>>>,
    from: &'a Module,
) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        open.extend(needs[module].keys().filter(|next| found.insert(*next)));
    }
    found
}

/// `a/b.rs` and `a/b/mod.rs` are `[a, b]`; `lib.rs` and `main.rs` are the root.
fn module(path: &str) -> Module {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if ["lib", "main"].contains(&path) { vec![] } else { path.split('/').map(str::to_owned).collect() }
}

struct Crate {
    said: BTreeMap<Module, Said>,
}

/// Where a path leads.
struct Target {
    module: Module,
    /// What is left of the path: what the module defines.
    rest: Names,
}

impl Crate {
    fn needs(&self, module: &Module) -> BTreeMap<Module, BTreeSet<String>> {
        let said = &self.said[module];
        let used = said.imports.iter().map(|(_, path)| (path, false));
        let all = said.exports.iter().filter(|(name, _)| name == "*").map(|(_, path)| (path, false));
        let written = said.paths.iter().map(|path| (path, true));
        let mut needs: BTreeMap<Module, BTreeSet<String>> = BTreeMap::new();
        for (path, also_modules) in used.chain(all).chain(written) {
            let Some(target) = self.resolve(module, path, 0) else { continue };
            if target.module == *module || (target.rest.is_empty() && !also_modules) {
                continue;
            }
            let name = target.rest.first().or(path.last()).cloned().unwrap_or_default();
            needs.entry(target.module).or_default().insert(name);
        }
        needs
    }

    /// `None`: it leads out of the crate, or is too deep to be followed.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<Target> {
        const MAX_DEPTH: usize = 16;
        if depth > MAX_DEPTH {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(vec![], rest, depth),
            "self" => self.descend(from.clone(), rest, depth),
            "super" => {
                let (_, parent) = from.split_last()?;
                let ups = rest.iter().take_while(|name| *name == "super").count();
                let parent = parent.get(..parent.len().checked_sub(ups)?)?;
                self.descend(parent.to_vec(), &rest[ups..], depth)
            }
            _ if self.is_module(from, first) => self.descend(from.clone(), path, depth),
            _ => {
                let said = self.said.get(from)?;
                let known = said.imports.iter().chain(&said.exports).find(|(name, _)| name == first);
                let (_, known) = known.filter(|(_, known)| known.first() != Some(first))?;
                self.resolve(from, &[known, rest].concat(), depth + 1)
            }
        }
    }

    fn descend(&self, mut module: Module, mut rest: &[String], depth: usize) -> Option<Target> {
        while let Some((next, left)) = rest.split_first() {
            if self.is_module(&module, next) {
                module.push(next.clone());
                rest = left;
                continue;
            }
            let exports = &self.said.get(&module)?.exports;
            if let Some((_, path)) = exports.iter().find(|(name, _)| name == next) {
                let followed = self.resolve(&module, &[path, left].concat(), depth + 1);
                // Something of another crate is as good as defined where it is exported.
                return followed.or(Some(Target { module, rest: rest.to_vec() }));
            }
            break;
        }
        Some(Target { module, rest: rest.to_vec() })
    }

    fn is_module(&self, parent: &Module, name: &str) -> bool {
        self.said.contains_key(&[parent.as_slice(), &[name.to_owned()]].concat())
    }
}

/// What is not text.
fn code(text: &str) -> Vec<String> {
    let code = |(_, token)| match token {
        Token::Code(code) => Some(code),
        Token::Text(_) => None,
    };
    tokens(text).into_iter().filter_map(code).collect()
}

fn read(tokens: &[String]) -> Said {
    let mut said = Said::default();
    let token = |place: usize| tokens.get(place).map_or("", String::as_str);
    let mut place = 0;
    while place < tokens.len() {
        match token(place) {
            "use" => {
                let mut found = Vec::new();
                let end = read_tree(tokens, place + 1, &[], &mut found);
                // `pub use` and `pub(…) use`.
                let before = place.checked_sub(1).map_or("", token);
                let list = if ["pub", ")"].contains(&before) { &mut said.exports } else { &mut said.imports };
                list.extend(found);
                place = end;
            }
            "mod" if token(place + 2) == "{" => {
                said.bodies.push(token(place + 1).to_owned());
                place += 2;
            }
            "mod" => place += 2,
            word if is_name(word) && token(place + 1) == "::" => {
                let mut path = vec![word.to_owned()];
                // A path that goes on behind something else, such as `<T as X>::Y`, begins nowhere.
                let begins = place.checked_sub(1).map_or("", token) != "::";
                while token(place + 1) == "::" && is_name(token(place + 2)) {
                    path.push(token(place + 2).to_owned());
                    place += 2;
                }
                place += 1;
                if begins && path.len() > 1 {
                    said.paths.push(path);
                }
            }
            _ => place += 1,
        }
    }
    said
}

fn is_name(token: &str) -> bool {
    token.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// One branch of a `use`: `a::b`, `a::{b, c as d}`, `a::*`. Says where it ends.
fn read_tree(
    tokens: &[String],
    mut place: usize,
    before: &[String],
    found: &mut Vec<(String, Names)>,
) -> usize {
    let token = |place: usize| tokens.get(place).map_or("", String::as_str);
    let mut path = before.to_vec();
    loop {
        match token(place) {
            "::" => place += 1,
            "{" => {
                place += 1;
                while !["}", ""].contains(&token(place)) {
                    place = read_tree(tokens, place, &path, found);
                    place += usize::from(token(place) == ",");
                }
                return place + 1;
            }
            "as" => {
                found.push((token(place + 1).to_owned(), path));
                return place + 2;
            }
            // `a::{self}` is `a`.
            "self" if !path.is_empty() => place += 1,
            word if word == "*" || is_name(word) => {
                path.push(word.to_owned());
                place += 1;
            }
            _ => {
                let name = path.last().cloned().unwrap_or_default();
                found.push((name, path));
                return place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File<'_>> = files.iter().map(|(path, text)| File { path, text }).collect();
        circles(&files)
    }

    #[track_caller]
    fn is_circle(files: &[(&str, &str)], needs: &[&str]) {
        assert_eq!(found(files), [needs.join("\n    ")]);
    }

    #[track_caller]
    fn is_none(files: &[(&str, &str)]) {
        assert_eq!(found(files), [""; 0]);
    }

    #[test]
    fn two_files_that_need_each_other_are_a_circle() {
        is_circle(
            &[
                ("lib.rs", "mod a; mod b;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "pub struct B(super::a::A);"),
            ],
            &["a.rs needs b.rs (B)", "b.rs needs a.rs (A)"],
        );
        is_none(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "pub struct B;")]);
    }

    #[test]
    fn a_circle_may_be_long_and_hidden_in_nested_groups() {
        is_circle(
            &[
                ("lib.rs", "mod a; mod b; mod c; use a::A as _;"),
                ("a.rs", "use std::x; use crate::{\n    b::inner::{self, deep::{B as Other, Z}},\n};"),
                ("b/mod.rs", ""),
                ("b/inner/mod.rs", ""),
                ("b/inner/deep.rs", "use crate::c; fn f() { c::go() }"),
                ("c.rs", "pub fn go<T: super::a::A>() {}"),
            ],
            &["a.rs needs b/inner/deep.rs (B, Z)", "b/inner/deep.rs needs c.rs (go)", "c.rs needs a.rs (A)"],
        );
    }

    #[test]
    fn parent_and_child_are_files_like_any_other() {
        let child = ("a/child.rs", "use super::Limit; pub fn go(_: Limit) {}");
        is_circle(
            &[("a/mod.rs", "mod child; pub struct Limit; fn f() { child::go(Limit) }"), child],
            &["a/mod.rs needs a/child.rs (go)", "a/child.rs needs a/mod.rs (Limit)"],
        );
        is_none(&[("a.rs", "mod child; pub struct Limit;"), child]);
        is_none(&[
            ("a.rs", "mod child; mod limit; pub use limit::Limit; fn f() { child::go(Limit) }"),
            child,
            ("a/limit.rs", "pub struct Limit;"),
        ]);
    }

    #[test]
    fn who_uses_an_export_needs_the_file_of_the_definition() {
        is_circle(
            &[
                ("lib.rs", "mod a; mod b; pub use a::A as Short;"),
                ("a.rs", "use crate::b::B; pub struct A;"),
                ("b.rs", "use crate::Short; pub struct B(Short);"),
            ],
            &["a.rs needs b.rs (B)", "b.rs needs a.rs (A)"],
        );
    }

    #[test]
    fn a_list_of_modules_needs_them() {
        is_circle(
            &[
                ("a.rs", "mod get; pub struct Tag; fn all() { endpoints![b::get] } mod b;"),
                ("a/b.rs", "pub mod get;"),
                ("a/b/get.rs", "use super::super::Tag;"),
            ],
            &["a.rs needs a/b/get.rs (get)", "a/b/get.rs needs a.rs (Tag)"],
        );
    }

    #[test]
    fn what_is_only_said_is_no_need() {
        is_none(&[
            ("a.rs", "use crate::b::B; struct A;"),
            (
                "b.rs",
                "//! See crate::a::A.\n/* crate::a::A /* twice */ crate::a::A */\n\
                 const T: &str = \"crate::a::A \\\" crate::a::A\"; const R: &str = r#\"\"crate::a::A\"#;\n\
                 const C: (char, char) = ('\"', '\\''); fn f<'a>(_: &'a str) {} pub struct B;",
            ),
        ]);
        is_circle(
            &[
                ("a.rs", "use crate::b::B;"),
                ("b.rs", "const C: char = '\"'; use crate::a::A; const D: char = '\"';"),
            ],
            &["a.rs needs b.rs (B)", "b.rs needs a.rs (A)"],
        );
    }

    #[test]
    fn a_body_of_a_module_is_a_finding() {
        assert_eq!(
            found(&[("a.rs", "mod inner { use super::A; }")]),
            ["a.rs: give `mod inner` a file of its own"]
        );
    }
}
