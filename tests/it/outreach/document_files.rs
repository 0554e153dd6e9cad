//! Files to upload.

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../files/documents/", $name))
    };
}

pub const TWO_PAGES: &[u8] = file!("two-pages.tif");
pub const PNG: &[u8] = file!("transparent.png");
pub const JPEG: &[u8] = file!("photo.jpg");
pub const DOCX: &[u8] = file!("letter.docx");
/// It takes a password to open it.
pub const ENCRYPTED: &[u8] = file!("encrypted.pdf");
/// It says to be 60,000 dots wide and high.
pub const BOMB: &[u8] = file!("bomb.png");

/// A PDF of empty pages. Without a table of where its objects are: readers find them.
pub fn pdf(pages: usize) -> Vec<u8> {
    pdf_with(pages, "")
}

/// The same, where each page is drawn by these operators.
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
