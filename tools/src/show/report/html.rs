//! A page's frame and tables. Everything that isn't markup is escaped here.

pub use crate::show::chart::escape;

const STYLE: &str = include_str!("style.css");

/// A whole document around `main`, which is markup. `kicker` says above the title what kind of page it is.
#[must_use]
pub fn document(kicker: &str, title: &str, subtitle: &str, main: &str) -> String {
    let (kicker, title, subtitle) = (escape(kicker), escape(title), escape(subtitle));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title} · Tidings</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"kicker\">{kicker}</p>\n<h1>{title}</h1>\n<p>{subtitle}</p>\n</header>\n\
         <main>\n{main}</main>\n</body>\n</html>\n"
    )
}

/// A section with a heading, around `content`, which is markup. `id` is a plain word.
#[must_use]
pub fn section(id: &str, heading: &str, content: &str) -> String {
    let heading = escape(heading);
    format!(
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{heading}</h2>\n{content}</section>\n"
    )
}

/// A paragraph of text.
#[must_use]
pub fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
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
pub fn table(caption: &str, columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let class = |align| if align == Align::Right { " class=\"number\"" } else { "" };
    let caption = escape(caption);
    let mut html = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr>"
    );
    for &(name, align) in columns {
        html.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(align), escape(name)));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (index, (field, &(_, align))) in row.iter().zip(columns).enumerate() {
            let (field, class) = (escape(field), class(align));
            html.push_str(&if index == 0 {
                format!("<th scope=\"row\"{class}>{field}</th>")
            } else {
                format!("<td{class}>{field}</td>")
            });
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody>\n</table>\n</div>\n"
}
