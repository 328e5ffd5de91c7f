//! The committed corpus, through the checks that the fuzz targets call; and the page about them.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod pages;
