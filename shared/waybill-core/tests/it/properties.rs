//! Properties of any body.
