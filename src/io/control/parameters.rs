//! The parameters of a request: what stands behind `?`, decoded.
//!
//! A parameter that nobody knows is an error of whoever reads them, so that a misspelt `force` is not taken for its absence.
use axum::http::Uri;

/// The parameters of a request, decoded, in their order.
pub(super) type Parameters = Vec<(String, String)>;

/// Decodes `a=1&b=x%20y`.
pub(super) fn of(uri: &Uri) -> Parameters {
    let query = uri.query().unwrap_or_default();
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}"));
    url.map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let uri = Uri::from_static("/x?name=a.example&down=x%2Cy+z&empty=&&bare");
        let found = of(&uri);
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
        let expected = [
            ("name", "a.example"),
            ("down", "x,y z"),
            ("empty", ""),
            ("bare", ""),
        ];
        assert_eq!(found, expected);
    }
}
