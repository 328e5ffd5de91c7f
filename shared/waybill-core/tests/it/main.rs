//! What holds of bodies, keys and digests: real bodies read, and properties of any.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod polls;
mod properties;
#[cfg(test)]
mod support;
