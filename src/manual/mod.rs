//! The manual: how to choose, combine, place and extend what is here.
