//! What Lambda is answered.
