//! Composable authentication for Tower.
