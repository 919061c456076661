//! Passwords of monitors that log in: a file of their own, never a key of the config.
use super::kind::NamedFile;
use crate::base::Secret;
use crate::text::value::Trouble;

/// The key of the file that holds the password.
pub(super) const FILE: &str = "password_file";

/// The password of a file: all of it but the end of its last line, which editors add.
///
/// # Errors
/// When there is none.
pub(super) fn read(file: &NamedFile<'_>) -> Result<Secret, Trouble> {
    let text = file.content.strip_suffix(b"\n").unwrap_or(file.content);
    let line = text.strip_suffix(b"\r").unwrap_or(text);
    let message = match std::str::from_utf8(line) {
        Ok("") => format!("`{}` holds no password", file.path),
        Ok(password) => return Ok(Secret(password.to_owned())),
        Err(_) => format!("`{}` is not UTF-8 text", file.path),
    };
    Err(Trouble::new(message).with_help("the file holds the password and nothing else"))
}
