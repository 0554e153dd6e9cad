//! Documents to upload.

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../files/documents/", $name))
    };
}

pub const TWO_PAGES: &[u8] = file!("two-pages.tif");
pub const PNG: &[u8] = file!("transparent.png");
pub const JPEG: &[u8] = file!("photo.jpg");
pub const DOCX: &[u8] = file!("letter.docx");
/// A PDF that needs a password.
pub const ENCRYPTED: &[u8] = file!("encrypted.pdf");
/// A PNG whose header claims 60,000 by 60,000 pixels.
pub const BOMB: &[u8] = file!("bomb.png");

/// A PDF of empty pages, without a cross-reference table: readers find the objects by a scan.
pub fn pdf(pages: usize) -> Vec<u8> {
    pdf_with(pages, "")
}

/// A PDF whose pages all have these drawing operators.
pub fn pdf_with(pages: usize, drawn: &str) -> Vec<u8> {
    let numbers = 3..pages + 3;
    let kids: String = numbers.clone().map(|page| format!("{page} 0 R ")).collect();
    let content = pages + 3;
    let page = |page| {
        format!(
            "{page} 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]\
             /Contents {content} 0 R>>\nendobj\n"
        )
    };
    let objects: String = numbers.map(page).collect();
    let length = drawn.len();
    format!(
        "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n\
         <</Type/Pages/Count {pages}/Kids[{kids}]>>\nendobj\n{objects}\
         {content} 0 obj\n<</Length {length}>>\nstream\n{drawn}\nendstream\nendobj\n\
         trailer\n<</Root 1 0 R>>\n%%EOF\n"
    )
    .into_bytes()
}
