//! The text being written, indented by its brackets.

const INDENT: &str = "    ";
const WIDTH_MAX: usize = 100;

pub(crate) struct Output {
    text: String,
    depth: usize,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { text: String::new(), depth: 0 }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// One line. A closing bracket at its start ends an indentation, an opening one at its end
    /// begins one.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        if line.starts_with(['}', ')', ']']) {
            self.depth -= 1;
        }
        self.raw(line);
        if line.ends_with(['{', '(', '[']) {
            self.depth += 1;
        }
    }

    /// An empty line, except at the start of a block.
    pub(crate) fn blank(&mut self) {
        if !self.text.ends_with("{\n") && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// WIT docs as doc comments.
    pub(crate) fn docs(&mut self, docs: &str) {
        for line in docs.trim_end().lines() {
            if line.trim().is_empty() {
                self.raw("///");
            } else {
                self.raw(&format!("/// {}", line.trim_end()));
            }
        }
    }

    /// `before`, the items separated by commas, and `after`: on one line where it fits, and else
    /// with a line for each item.
    pub(crate) fn list(&mut self, before: &str, items: &[impl AsRef<str>], after: &str) {
        let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
        let line = format!("{before}{}{after}", items.join(", "));
        if self.fits(&line) {
            return self.line(line);
        }
        self.line(before);
        for item in items {
            self.line(format!("{item},"));
        }
        self.line(after);
    }

    /// `left = right`, in two lines where one is too short.
    pub(crate) fn assign(&mut self, left: &str, right: &str) {
        self.broken(&format!("{left} ="), " ", right);
    }

    /// A call on what is before it, in two lines where one is too short.
    pub(crate) fn chain(&mut self, receiver: &str, call: &str) {
        self.broken(receiver, "", call);
    }

    /// A field that is a string literal, continued on further lines where one is too short. The
    /// text has neither quotes nor backslashes, as WIT has none outside comments.
    pub(crate) fn text(&mut self, field: &str, text: &str) {
        let mut line = format!("{field}: \"");
        for word in text.split_inclusive(' ') {
            if !self.fits(&format!("{line}{word}\\ ")) && !line.is_empty() {
                self.line(format!("{line}\\"));
                line.clear();
            }
            line.push_str(word);
        }
        self.line(format!("{line}\","));
    }

    fn broken(&mut self, left: &str, space: &str, right: &str) {
        let line = format!("{left}{space}{right}");
        if self.fits(&line) {
            return self.line(line);
        }
        self.line(left);
        self.line(format!("{INDENT}{right}"));
    }

    fn fits(&self, line: &str) -> bool {
        self.depth * INDENT.len() + line.len() <= WIDTH_MAX
    }

    fn raw(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str(INDENT);
        }
        self.text.push_str(line);
        self.text.push('\n');
    }
}
