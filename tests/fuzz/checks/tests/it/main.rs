//! The committed corpus, through the checks that the fuzz targets call.

#[cfg(test)]
mod corpus;
