//! What all pages are made of: the frame, sections, tables, and room for pictures.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page/style.css");

/// A whole document around `main`. `kicker` says above the title what kind of page it is.
#[must_use]
pub fn document(kicker: &str, title: &str, subtitle: &str, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Tidings" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kicker { (kicker) }
                    h1 { (title) }
                    p { (subtitle) }
                }
                main { (main) }
            }
        }
    };
    page.into_string() + "\n"
}

/// A section with a heading. `id` is a plain word.
#[must_use]
pub fn section(id: &str, heading: &str, content: &Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (heading) }
            (content)
        }
    }
}

/// A picture of [`super::chart`], which is markup already.
#[must_use]
pub fn figure(svg: &str) -> Markup {
    html! { figure { (PreEscaped(svg)) } }
}

/// How a column's fields are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words, from the left.
    Left,
    /// Numbers, from the right.
    Right,
}

/// A table with a caption for screen readers; the first field of a row is its heading. It scrolls
/// within itself where the window is narrow.
#[must_use]
pub fn table(caption: &str, columns: &[(&str, Align)], rows: &[Vec<String>]) -> Markup {
    let class = |align| (align == Align::Right).then_some("number");
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead {
                    tr {
                        @for &(name, align) in columns {
                            th scope="col" class=[class(align)] { (name) }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, (field, &(_, align))) in row.iter().zip(columns).enumerate() {
                                @if index == 0 {
                                    th scope="row" class=[class(align)] { (field) }
                                } @else {
                                    td class=[class(align)] { (field) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
