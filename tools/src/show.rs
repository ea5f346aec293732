//! What people look at: figures as text, as pictures, and as a page.
//!
//! [`mod@format`] writes single numbers, [`wording`] says what each figure is called and means. Upon these stand
//! the terminal's [`table`], the pictures of [`chart`], and [`page`], of which every page is made, that of [`report`] first, and
//! that of the [`overlay`].

pub mod chart;
pub mod format;
pub mod overlay;
pub mod page;
pub mod report;
pub mod table;
pub mod wording;
