//! What a plan may ever do: proved for one plan, compared between two.
//!
//! It judges plans, not moments: it makes up the health that it needs, and knows neither probes nor
//! time. What it says is plain data, which serializes for machines and prints for people.
