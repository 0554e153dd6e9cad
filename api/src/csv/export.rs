//! Export of rows as CSV.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use csv::{Terminator, WriterBuilder};
use futures::{StreamExt, stream, stream::BoxStream};

use super::guarded;
use crate::{Error, Result};

/// The approximate number of bytes that are written at a time.
const CHUNK: usize = 32 << 10;

/// Writes each item of a stream as one row, as it is read. An error before the first row is
/// returned; later the connection is cut, since half must not pass for the whole.
pub(crate) async fn export<V, const N: usize>(
    name: &str,
    rows: BoxStream<'static, Result<V>>,
    fields: fn(&V) -> [&str; N],
) -> Result<Response>
where
    V: Send + 'static,
{
    let mut rows = Box::pin(rows.peekable());
    if matches!(rows.as_mut().peek().await, Some(Err(_)))
        && let Some(Err(error)) = rows.next().await
    {
        return Err(error);
    }
    let chunks = stream::try_unfold(rows, move |mut rows| async move {
        let mut chunk = Vec::with_capacity(CHUNK + 4096);
        while chunk.len() < CHUNK {
            let Some(row) = rows.next().await else { break };
            let row = row.map_err(|error| format!("a list was cut off: {}", error.status()))?;
            write(&mut chunk, &fields(&row))?;
        }
        let chunk = (!chunk.is_empty()).then(|| Bytes::from(chunk));
        Ok::<_, axum::BoxError>(chunk.map(|chunk| (chunk, rows)))
    });
    Ok(answer(name, Body::from_stream(chunks)))
}

/// Answers these rows as a file.
pub(crate) fn file<const N: usize>(name: &str, rows: &[[&str; N]]) -> Result<Response> {
    let mut file = Vec::new();
    for row in rows {
        write(&mut file, row).map_err(|_| Error::Internal)?;
    }
    Ok(answer(name, Body::from(file)))
}

fn write(into: &mut Vec<u8>, fields: &[&str]) -> csv::Result<()> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .buffer_capacity(1 << 10)
        .from_writer(into);
    for field in fields {
        writer.write_field(guarded(field).as_bytes())?;
    }
    writer.write_record(None::<&[u8]>)?;
    Ok(writer.flush()?)
}

fn answer(name: &str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition =
        HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        ),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_row_is_quoted_where_it_must_and_formulas_are_text() {
        let rows = [["+1555", "a,b", "say \"hi\"\r\nthere", "=1+1", ""]];
        let body = file("f.csv", &rows).unwrap().into_body();
        let body = axum::body::to_bytes(body, 1_000).await.unwrap();
        assert_eq!(body, "+1555,\"a,b\",\"say \"\"hi\"\"\r\nthere\",'=1+1,\r\n");
    }
}
