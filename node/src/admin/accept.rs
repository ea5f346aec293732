//! In which form an answer is wanted (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

/// The forms that an item is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// What it says.
    Json,
    /// Its canonical bytes.
    Bytes,
}

/// The form that is wanted most, JSON if it is the same; nothing if neither is accepted.
pub(super) fn accepted(headers: &HeaderMap) -> Option<Form> {
    let mut ranges = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        let text = value.to_str().unwrap_or_default();
        ranges.extend(text.split(',').filter(|range| !range.trim().is_empty()).map(range_of));
    }
    let (json, bytes) = (quality(&ranges, "json"), quality(&ranges, "octet-stream"));
    match (json, bytes) {
        _ if ranges.is_empty() => Some(Form::Json),
        (json, bytes) if json <= 0.0 && bytes <= 0.0 => None,
        (json, bytes) if bytes > json => Some(Form::Bytes),
        _ => Some(Form::Json),
    }
}

/// A range of types, and how much it is wanted.
fn range_of(text: &str) -> (String, f32) {
    let mut parts = text.split(';');
    let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.trim().parse().ok());
    (name, quality.unwrap_or(1.0))
}

/// How much a subtype of `application` is wanted: the range that says most of it decides.
fn quality(ranges: &[(String, f32)], subtype: &str) -> f32 {
    let of =
        |name: &str| ranges.iter().find(|(range, _)| range == name).map(|(_, quality)| *quality);
    of(&format!("application/{subtype}"))
        .or_else(|| of("application/*"))
        .or_else(|| of("*/*"))
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_wanted_most() {
        let form = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            accepted(&headers)
        };
        assert_eq!(accepted(&HeaderMap::new()), Some(Form::Json));
        for (accept, wanted) in [
            ("*/*", Some(Form::Json)),
            ("application/octet-stream", Some(Form::Bytes)),
            ("Application/JSON; charset=utf-8", Some(Form::Json)),
            ("application/json;q=0.5, application/octet-stream", Some(Form::Bytes)),
            ("application/*;q=0.1, application/octet-stream;q=0", Some(Form::Json)),
            ("text/html, */*;q=0.8", Some(Form::Json)),
            ("text/html", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(form(accept), wanted, "{accept}");
        }
    }
}
