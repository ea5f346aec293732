//! What a turn produced.

/// Lines for the two streams.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Messages, for standard output.
    pub(super) lines: Vec<String>,
    /// Remarks, for standard error.
    pub(super) log: Vec<String>,
}

impl Output {
    /// Adds a remark.
    pub(super) fn remark(&mut self, text: String) {
        self.log.push(text);
    }

    /// Adds all that another has, which is left empty.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.lines.append(&mut other.lines);
        self.log.append(&mut other.log);
    }
}
