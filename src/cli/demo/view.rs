//! The live view of a terminal, and its keys.
//!
//! Everything that is known of an endpoint fits into 80 columns and 24 lines for the shipped
//! config; what only explains it (who runs it, why it is as it is) is shown where there is room.
//! When lines are few the events give way first, then the table scrolls to the chosen endpoint.
use std::io::Stdout;
use std::time::Duration;

use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span as Words};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState};
use tokio::runtime::Runtime;

use super::stage::{Stage, Turn};
use crate::base::ServiceId;
use crate::cli::present::bar;
use crate::daemon::Failure;
use crate::engine::status::{EndpointStatus, TargetStatus};

/// Time between two frames.
const FRAME: Duration = Duration::from_millis(80);

/// Columns of a terminal on which answers are shown with their hostnames and TTLs.
const WIDE: u16 = 126;

/// One column of the table of endpoints.
struct Column {
    head: &'static str,
    width: Constraint,
    /// Columns that the terminal must have for it to be shown.
    from: u16,
}

const COLUMNS: [Column; 8] = [
    Column::new("endpoint", Constraint::Length(20), 0),
    Column::new("provider", Constraint::Length(14), 72),
    Column::new("tier", Constraint::Length(4), 0),
    Column::new("host", Constraint::Length(4), 0),
    Column::new("state", Constraint::Length(9), 0),
    Column::new("share", Constraint::Length(10), 0),
    Column::new("", Constraint::Length(4), 0),
    Column::new("", Constraint::Fill(1), 100),
];

impl Column {
    const fn new(head: &'static str, width: Constraint, from: u16) -> Self {
        Self { head, width, from }
    }
}

/// What belongs to the columns that a terminal of this width shows.
fn shown<T>(all: [T; COLUMNS.len()], width: u16) -> impl Iterator<Item = T> {
    let pairs = all.into_iter().zip(&COLUMNS);
    let shown = pairs.filter(move |(_, column)| column.from <= width);
    shown.map(|(one, _)| one)
}

/// Shows the play until it is over or someone presses `q`.
pub(super) fn show(runtime: &Runtime, stage: &mut Stage) -> Result<(), Failure> {
    let mut terminal =
        ratatui::try_init().map_err(|error| format!("cannot draw on this terminal: {error}"))?;
    let shown = play(runtime, stage, &mut terminal);
    ratatui::restore();
    shown
}

fn play(
    runtime: &Runtime,
    stage: &mut Stage,
    terminal: &mut Terminal<CrosstermBackend<Stdout>>,
) -> Result<(), Failure> {
    let mut chosen = 0;
    loop {
        if runtime.block_on(stage.turn())? == Turn::Over {
            return Ok(());
        }
        terminal
            .draw(|frame| draw(frame, stage, chosen))
            .map_err(|error| format!("cannot draw: {error}"))?;
        match key()? {
            Some(Key::Quit) => return Ok(()),
            Some(Key::Up) => chosen = chosen.saturating_sub(1),
            Some(Key::Down) => chosen = (chosen + 1).min(stage.machines.iter().count() - 1),
            Some(Key::Toggle(what)) => runtime.block_on(toggle(stage, chosen, what))?,
            None => {}
        }
    }
}

/// What a key means.
enum Key {
    Quit,
    Up,
    Down,
    Toggle(Whom),
}

/// Whom a kill or heal by key concerns.
enum Whom {
    Endpoint,
    Region,
}

/// Waits for a key as long as a frame lasts.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other keys mean nothing"
)]
fn key() -> Result<Option<Key>, Failure> {
    let told = |error: std::io::Error| format!("cannot read keys: {error}");
    if !event::poll(FRAME).map_err(told)? {
        return Ok(None);
    }
    let Event::Key(key) = event::read().map_err(told)? else {
        return Ok(None);
    };
    if key.kind != KeyEventKind::Press {
        return Ok(None);
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Ok(match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char('c') if control => Some(Key::Quit),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::Char(' ') | KeyCode::Enter => Some(Key::Toggle(Whom::Endpoint)),
        KeyCode::Char('r') => Some(Key::Toggle(Whom::Region)),
        _ => None,
    })
}

/// Kills what lives and heals what is dead.
async fn toggle(stage: &mut Stage, chosen: usize, whom: Whom) -> Result<(), Failure> {
    let Some(machine) = stage.machines.iter().nth(chosen) else {
        return Ok(());
    };
    let up = machine.is_up();
    let name = match whom {
        Whom::Endpoint => machine.name.clone(),
        Whom::Region => stage.plan.regions[machine.region().index()].name.clone(),
    };
    if up {
        stage.kill(&name).await
    } else {
        stage.heal(&name).await?
    }
    Ok(())
}

fn draw(frame: &mut Frame<'_>, stage: &Stage, chosen: usize) {
    let rows = stage.machines.iter().count() + stage.status.regions.len();
    let [head, regions, clients, events, foot] =
        parts(frame.area(), rows, stage.plan.services.len());
    frame.render_widget(head_lines(stage), head);
    draw_regions(frame, regions, stage, chosen);
    draw_clients(frame, clients, stage);
    draw_events(frame, events, stage);
    frame.render_widget(foot_line(stage), foot);
}

/// Head, endpoints, clients, events and foot, for so many rows of endpoints and services.
/// Events get what is left; with nothing left, the table of endpoints is cut, and scrolls.
fn parts(area: Rect, rows: usize, services: usize) -> [Rect; 5] {
    let lines = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let [head, regions, rest, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Max(lines(rows + 1)),
        Constraint::Min(lines(services + 2).min(area.height / 3)),
        Constraint::Length(1),
    ])
    .areas(area);
    let [clients, events] =
        Layout::vertical([Constraint::Length(lines(services + 2)), Constraint::Min(0)]).areas(rest);
    [head, regions, clients, events, foot]
}

fn head_lines(stage: &Stage) -> Paragraph<'_> {
    let elapsed = stage.elapsed();
    let first = Line::from(vec![
        Words::styled(
            " WAYPOST ",
            Style::new()
                .fg(Color::Black)
                .bg(Color::Cyan)
                .add_modifier(Modifier::BOLD),
        ),
        Words::raw(format!(
            "  {:>3}.{} s   generation {}   asked {}   just dead {}   wrong {}",
            elapsed.0 / 1000,
            elapsed.0 % 1000 / 100,
            stage.status.generation,
            stage.judge.asked,
            stage.judge.stale,
            stage.judge.wrong.len(),
        )),
    ]);
    let next = match stage.next_step() {
        _ if !stage.has_begun() => " waiting for the first probes".to_owned(),
        Some((wait, what)) => format!(" in {} s: {what}", wait.0.div_ceil(1000)),
        None => " your move".to_owned(),
    };
    Paragraph::new(vec![
        first,
        Line::styled(next, Style::new().fg(Color::Yellow)),
    ])
}

fn draw_regions(frame: &mut Frame<'_>, area: Rect, stage: &Stage, chosen: usize) {
    let mut rows = Vec::new();
    let mut index = 0;
    let mut marked = None;
    for region in &stage.status.regions {
        let law = region.jurisdiction.as_deref().unwrap_or("-");
        rows.push(
            Row::new([Cell::from(format!("{}  [{law}]", region.name))])
                .style(Style::new().add_modifier(Modifier::BOLD)),
        );
        for endpoint in &region.endpoints {
            if index == chosen {
                marked = Some(rows.len());
            }
            let cells = endpoint_cells(stage, endpoint, index == chosen);
            rows.push(Row::new(shown(cells, area.width)));
            index += 1;
        }
    }
    let widths = shown(COLUMNS.map(|column| column.width), area.width);
    let head = Row::new(shown(COLUMNS.map(|column| column.head), area.width))
        .style(Style::new().fg(Color::DarkGray));
    // The mark is drawn by the row; selecting it makes the table scroll there.
    let mut state = TableState::new().with_selected(marked);
    frame.render_stateful_widget(Table::new(rows, widths).header(head), area, &mut state);
}

fn endpoint_cells<'a>(
    stage: &Stage,
    endpoint: &'a EndpointStatus,
    chosen: bool,
) -> [Cell<'a>; COLUMNS.len()] {
    let up = stage
        .machines
        .iter()
        .any(|machine| machine.name == endpoint.name && machine.is_up());
    let worst = endpoint
        .targets
        .iter()
        .min_by_key(|target| target.share_permille);
    let (state, share, detail) = worst.map_or(("-", 0, ""), |target: &TargetStatus| {
        (
            target.state.as_str(),
            target.share_permille,
            target.detail.as_str(),
        )
    });
    let colour = match state {
        "healthy" => Color::Green,
        "ramping" | "gated" | "held" | "unapproved" | "refused" | "drained" | "degraded" => {
            Color::Yellow
        }
        "unproven" | "weighted" => Color::Cyan,
        _ => Color::Red,
    };
    let host = if up {
        Cell::from("up")
    } else {
        Cell::from("dead").style(Style::new().fg(Color::Red))
    };
    let mark = if chosen && stage.next_step().is_none() {
        "▸"
    } else {
        " "
    };
    [
        Cell::from(format!("{mark} {}", endpoint.name)),
        Cell::from(endpoint.provider.as_str()),
        Cell::from(endpoint.tier.to_string()),
        host,
        Cell::from(state).style(Style::new().fg(colour)),
        Cell::from(bar(share)).style(Style::new().fg(colour)),
        Cell::from(format!("{:>3}%", share / 10)),
        Cell::from(detail),
    ]
}

fn draw_clients(frame: &mut Frame<'_>, area: Rect, stage: &Stage) {
    let is_wide = area.width >= WIDE;
    let title = if is_wide { "a client in … gets" } else { "" };
    let countries = Stage::countries().map(|(_, country)| country);
    let head: Vec<&str> = std::iter::once(title).chain(countries).collect();
    let services = stage.plan.services.iter().enumerate();
    let rows = services.map(|(index, service)| {
        let answers = Stage::countries().map(|(client, _)| {
            match stage.answer_of(client, ServiceId::from_index(index)) {
                Some((name, ttl)) if is_wide => format!("{name} {ttl}s"),
                Some((name, _)) => name.to_owned(),
                None => "-".to_owned(),
            }
        });
        let fails_open = stage.fails_open(&service.name);
        let mark = match (fails_open, is_wide) {
            (true, true) => " fail-open",
            (true, false) => "!",
            (false, _) => "",
        };
        let first = match is_wide {
            true => format!("{} ({}){mark}", service.hostnames[0], service.name),
            false => format!("{}{mark}", service.name),
        };
        let row = Row::new(std::iter::once(first).chain(answers));
        match fails_open {
            true => row.style(Style::new().fg(Color::Red)),
            false => row,
        }
    });
    let names = stage.plan.services.iter().map(|one| one.name.len());
    let first = match is_wide {
        true => 40,
        false => u16::try_from(names.max().unwrap_or(0) + 1)
            .unwrap_or(u16::MAX)
            .min(area.width / 5),
    };
    let answers = std::iter::repeat_n(Constraint::Fill(1), head.len() - 1);
    let widths = std::iter::once(Constraint::Length(first)).chain(answers);
    let head = Row::new(head).style(Style::new().fg(Color::DarkGray));
    let block = Block::new().padding(ratatui::widgets::Padding::top(1));
    frame.render_widget(Table::new(rows, widths).header(head).block(block), area);
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, stage: &Stage) {
    let fit = usize::from(area.height.saturating_sub(1));
    let start = stage.events.len().saturating_sub(fit);
    let lines: Vec<Line<'_>> = stage.events[start..]
        .iter()
        .map(|(at, text)| {
            let colour = if text.starts_with('✗') || text.contains("down") {
                Color::Red
            } else {
                Color::Reset
            };
            Line::styled(
                format!("{:>4}.{} s  {text}", at.0 / 1000, at.0 % 1000 / 100),
                Style::new().fg(colour),
            )
        })
        .collect();
    let block = Block::new().padding(ratatui::widgets::Padding::top(1));
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn foot_line(stage: &Stage) -> Paragraph<'_> {
    let keys = if stage.next_step().is_some() {
        "q quit"
    } else {
        "↑↓ choose   space kill or heal it   r its region   q quit"
    };
    let control = stage
        .control
        .map(|address| format!("   http://{address}/"))
        .unwrap_or_default();
    let port = stage.address.port();
    let text = format!(
        " {keys}   dig @{} -p {port} api.example.org{control}",
        stage.address.ip()
    );
    Paragraph::new(text).style(Style::new().fg(Color::DarkGray))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_of_the_shipped_config_fits_a_small_terminal() {
        // Eight endpoints in four regions, three services.
        let [head, regions, clients, events, foot] = parts(Rect::new(0, 0, 80, 24), 12, 3);
        assert_eq!((head.height, foot.height), (2, 1));
        assert_eq!((regions.height, clients.height), (13, 5));
        assert_eq!(events.height, 3);
        // On fewer lines the events go first, then the table scrolls.
        let [_, regions, clients, events, _] = parts(Rect::new(0, 0, 80, 18), 12, 3);
        assert_eq!((regions.height, clients.height, events.height), (10, 5, 0));
        let [_, regions, _, events, foot] = parts(Rect::new(0, 0, 80, 60), 12, 3);
        assert_eq!((regions.height, events.height, foot.y), (13, 39, 59));
    }

    #[test]
    fn the_columns_that_are_shown_fit() {
        for width in [57, 72, 80, 100, 200] {
            let widths: Vec<u16> = shown(COLUMNS.map(|column| column.width), width)
                .map(|width| {
                    let Constraint::Length(length) = width else {
                        return 0;
                    };
                    length
                })
                .collect();
            let gaps = u16::try_from(widths.len() - 1).unwrap();
            let taken = widths.iter().sum::<u16>() + gaps;
            assert!(taken <= width, "{taken} columns on {width}");
        }
        let heads = |width| shown(COLUMNS.map(|column| column.head), width).count();
        assert_eq!((heads(60), heads(80), heads(120)), (6, 7, 8));
    }
}
