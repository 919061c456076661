//! Zone data and master files, through what the rest of the program sees of them.
mod advice;
mod broken;
mod directives;
mod forms;
mod includes;
mod oracle;
mod scripts;
