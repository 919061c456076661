//! The live view of a terminal, and its keys.
use std::io::Stdout;
use std::time::Duration;

use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span as Words};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};
use tokio::runtime::Runtime;

use super::stage::{Stage, Turn};
use crate::app::Failure;
use crate::app::status::bar;
use crate::base::ServiceId;
use crate::engine::status::{EndpointStatus, TargetStatus};

/// Time between two frames.
const FRAME: Duration = Duration::from_millis(80);

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
    let rows =
        u16::try_from(stage.machines.iter().count() + stage.status.regions.len() + 2).unwrap_or(20);
    let services = u16::try_from(stage.plan.services.len() + 3).unwrap_or(6);
    let [head, regions, clients, events, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(rows),
        Constraint::Length(services),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(head_lines(stage), head);
    draw_regions(frame, regions, stage, chosen);
    draw_clients(frame, clients, stage);
    draw_events(frame, events, stage);
    frame.render_widget(foot_line(stage), foot);
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
    for region in &stage.status.regions {
        let law = region.jurisdiction.as_deref().unwrap_or("-");
        rows.push(
            Row::new([Cell::from(format!("{}  [{law}]", region.name))])
                .style(Style::new().add_modifier(Modifier::BOLD)),
        );
        for endpoint in &region.endpoints {
            rows.push(endpoint_row(stage, endpoint, index == chosen));
            index += 1;
        }
    }
    let widths = [20, 15, 6, 6, 10, 12, 6, 40].map(Constraint::Length);
    let head = Row::new([
        "endpoint", "provider", "tier", "host", "state", "share", "", "",
    ])
    .style(Style::new().fg(Color::DarkGray));
    frame.render_widget(
        Table::new(rows, widths).header(head).block(Block::new()),
        area,
    );
}

fn endpoint_row<'a>(stage: &Stage, endpoint: &'a EndpointStatus, chosen: bool) -> Row<'a> {
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
        "ramping" | "gated" => Color::Yellow,
        "unproven" => Color::Cyan,
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
    Row::new([
        Cell::from(format!("{mark} {}", endpoint.name)),
        Cell::from(endpoint.provider.as_str()),
        Cell::from(endpoint.tier.to_string()),
        host,
        Cell::from(state).style(Style::new().fg(colour)),
        Cell::from(bar(share)).style(Style::new().fg(colour)),
        Cell::from(format!("{:>3}%", share / 10)),
        Cell::from(detail),
    ])
}

fn draw_clients(frame: &mut Frame<'_>, area: Rect, stage: &Stage) {
    let head: Vec<String> = std::iter::once("a client in … gets".to_owned())
        .chain(Stage::countries().map(|(_, country)| country.to_owned()))
        .collect();
    let rows = stage
        .plan
        .services
        .iter()
        .enumerate()
        .map(|(index, service)| {
            let answers = Stage::countries().map(|(client, _)| {
                match stage.answer_of(client, ServiceId::from_index(index)) {
                    Some((name, ttl)) => format!("{name} {ttl}s"),
                    None => "-".to_owned(),
                }
            });
            Row::new(
                std::iter::once(format!("{} ({})", service.hostnames[0], service.name))
                    .chain(answers),
            )
        });
    let widths = [34, 22, 22, 22, 22].map(Constraint::Length);
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
