//! A value of the template, evaluated as far as it can be before a deployment.

use std::collections::BTreeMap;

/// A value of the template, evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Not written, or `AWS::NoValue`.
    Absent,
    /// A text, a number or a boolean: the same to CloudFormation.
    Text(String),
    /// A text that is known but for what stands in `${…}`: pseudo parameters and names of
    /// resources. Two such texts that read the same are the same.
    Open(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping.
    Map(BTreeMap<String, Value>),
    /// A resource of the template, or one of its attributes.
    Resource {
        /// Its logical id.
        id: String,
        /// The attribute, where it is not `Ref`.
        attribute: Option<String>,
    },
    /// What is known only when it is deployed.
    Unknown(Unknown),
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) String);

impl Unknown {
    /// A reason that goes on a sentence: "not checked, because …".
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl Value {
    /// What stands under a key: absent where there is none, unknown where that is not known.
    pub(crate) fn get(&self, key: &str) -> &Self {
        const ABSENT: &Value = &Value::Absent;
        match self {
            Self::Map(entries) => entries.get(key).unwrap_or(ABSENT),
            Self::Unknown(_) => self,
            Self::Absent
            | Self::Text(_)
            | Self::Open(_)
            | Self::List(_)
            | Self::Resource { .. } => ABSENT,
        }
    }

    /// The text, where it is written.
    pub(crate) fn text(&self) -> Result<Option<&str>, Unknown> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Open(text) => Err(Unknown::new(format!(
                "`{text}` is known only when it is deployed"
            ))),
            Self::List(_) | Self::Map(_) => Err(Unknown::new("a text is expected there")),
            Self::Resource { id, .. } => Err(Unknown::new(format!(
                "what `{id}` is called is known only when it is deployed"
            ))),
            Self::Unknown(reason) => Err(reason.clone()),
        }
    }

    /// The whole number, where it is written.
    pub(crate) fn number(&self) -> Result<Option<u64>, Unknown> {
        let Some(text) = self.text()? else {
            return Ok(None);
        };
        let number = text.trim().parse();
        let number = number.map_err(|_| Unknown::new(format!("`{text}` is no whole number")));
        number.map(Some)
    }

    /// Whether it says `true`; where it is not written it does not.
    pub(crate) fn is_true(&self) -> Result<bool, Unknown> {
        Ok(self
            .text()?
            .is_some_and(|text| text.eq_ignore_ascii_case("true")))
    }

    /// The logical id of the resource that it refers to, where it is one of the template's.
    pub(crate) fn resource(&self) -> Option<&str> {
        match self {
            Self::Resource { id, .. } => Some(id),
            Self::Absent
            | Self::Text(_)
            | Self::Open(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Unknown(_) => None,
        }
    }

    /// The entries of a list; a single value counts as one, as CloudFormation takes it.
    pub(crate) fn list(&self) -> Result<Vec<&Self>, Unknown> {
        match self {
            Self::Absent => Ok(Vec::new()),
            Self::List(list) => Ok(list.iter().collect()),
            Self::Unknown(reason) => Err(reason.clone()),
            Self::Text(_) | Self::Open(_) | Self::Map(_) | Self::Resource { .. } => Ok(vec![self]),
        }
    }

    /// The entries of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Self)> {
        let entries = match self {
            Self::Map(entries) => Some(entries),
            Self::Absent
            | Self::Text(_)
            | Self::Open(_)
            | Self::List(_)
            | Self::Resource { .. }
            | Self::Unknown(_) => None,
        };
        entries.into_iter().flatten()
    }

    /// Whether something is written.
    pub(crate) fn is_written(&self) -> Result<bool, Unknown> {
        match self {
            Self::Absent => Ok(false),
            Self::Unknown(reason) => Err(reason.clone()),
            Self::Text(_)
            | Self::Open(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Resource { .. } => Ok(true),
        }
    }

    /// Whether it is known that nothing is written.
    pub(crate) fn is_absent(&self) -> bool {
        *self == Self::Absent
    }

    /// Why what it names cannot be looked at: it is not known, or not in the template.
    pub(crate) fn outside(&self, what: &str) -> Unknown {
        match self {
            Self::Unknown(reason) => reason.clone(),
            Self::Absent
            | Self::Text(_)
            | Self::Open(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Resource { .. } => {
                let said = self.said();
                Unknown::new(format!("{what} `{said}` is not in the template"))
            }
        }
    }

    /// How it is told to people.
    pub(crate) fn said(&self) -> String {
        match self {
            Self::Absent => "nothing".to_owned(),
            Self::Text(text) | Self::Open(text) => text.clone(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
            Self::Resource { id, .. } => id.clone(),
            Self::Unknown(_) => "what is not known".to_owned(),
        }
    }
}
