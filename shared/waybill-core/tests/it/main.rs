//! What holds of bodies, keys, digests and polls: real bodies read, and properties of any.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod polls;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod support;
#[cfg(test)]
mod traces;
