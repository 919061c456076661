//! The waves of a release: who takes it after whom, when a node's turn has come, whether all are halted; and what nodes tell of it,
//! of whom one gives the text.
use std::collections::BTreeMap;

use super::cluster::{Cluster, Footing};
use super::entry::{LogAct, OrderSlot};
use super::orders;
use super::record::RecordStream;
use super::release::{Release, ReleaseId, ReleasePace, ReleasePart, ReleaseStage, ReleaseWord};
use super::roster::MemberAdmission;
use super::seal::Author;
use crate::base::limits::CLUSTER_RELEASE;
use crate::base::{Moment, Utc};

impl Cluster {
    /// The word of each other node that is listened to.
    pub fn release_words(&self) -> impl Iterator<Item = (Author, &ReleaseWord)> {
        let others = self.releases.words.iter();
        others
            .filter(|(author, _)| **author != self.me)
            .map(|(author, word)| (*author, word))
    }

    /// The text of a release that a node gives, once all of its parts have come.
    pub(super) fn release_text(&self, author: Author, word: &ReleaseWord) -> Option<String> {
        let parts: Option<Vec<&[u8]>> = (1..=word.parts)
            .map(|number| {
                let part = self.releases.parts.get(&(author, number))?;
                let is_of_it = part.print == word.id.print && part.parts == word.parts;
                is_of_it.then_some(&*part.octets)
            })
            .collect();
        String::from_utf8(parts?.concat()).ok()
    }

    /// Tells that this node gives the text of a release.
    pub(super) fn gives_release(&self, id: ReleaseId) -> bool {
        let said = self.releases.said.as_ref();
        said.is_some_and(|said| said.id == id && said.parts > 0)
    }

    /// Tells how far this node is, and gives the text if it is to.
    pub(super) fn say_release(&mut self, mut word: ReleaseWord, given: Option<&Release>) {
        let octets = given.map_or(&[][..], |release| release.text.as_bytes());
        let chunks: Vec<&[u8]> = octets.chunks(CLUSTER_RELEASE.1).collect();
        word.parts = u16::try_from(chunks.len()).unwrap_or(CLUSTER_RELEASE.0);
        if self.twin || self.releases.said.as_ref() == Some(&word) {
            return;
        }
        let before = self.releases.said.as_ref().map_or(0, |said| said.parts);
        let is_same = |said: &ReleaseWord| said.id == word.id && said.parts == word.parts;
        if !self.releases.said.as_ref().is_some_and(is_same) {
            // What is given no more is blank: it cannot be taken back.
            let blank = std::iter::repeat(&[][..]);
            let last = word.parts.max(before);
            for (number, octets) in (1..=last).zip(chunks.into_iter().chain(blank)) {
                let part = ReleasePart {
                    print: if number <= word.parts {
                        word.id.print
                    } else {
                        0
                    },
                    parts: word.parts,
                    octets: octets.to_vec(),
                };
                self.publish(RecordStream::Release(number), &part.pack());
            }
        }
        self.publish(RecordStream::Release(0), &word.pack());
        self.releases.said = Some(word);
    }

    /// The version of the release that is halted, and why.
    #[must_use]
    pub fn release_halt(&self, wall: Utc) -> Option<(u64, &str)> {
        let slot = OrderSlot::of(&LogAct::HaltRelease(0), "");
        let mut slots = self.log.slots(&self.void);
        let (_, entries) = slots.find(|(own, _)| **own == slot)?;
        let mut standing = orders::standing_of(&entries);
        let entry = &standing.find(|one| one.entry.is_in_force(wall))?.entry;
        match entry.act {
            LogAct::HaltRelease(version) => Some((version, &entry.reason)),
            LogAct::ResumeRelease(_)
            | LogAct::Drain
            | LogAct::Undrain
            | LogAct::Override(_)
            | LogAct::Lift
            | LogAct::Approve(_)
            | LogAct::Refuse(_)
            | LogAct::Revoke(_)
            | LogAct::PutChallenge(..)
            | LogAct::DeleteChallenge(_) => None,
        }
    }

    /// The wave of each node that is listened to, from 0; nothing, if the first one is no node.
    #[must_use]
    pub fn release_waves(&self, first: &str) -> BTreeMap<Author, u8> {
        let members = || {
            let all = self.roster.members();
            all.filter(|(author, member)| {
                member.admission == MemberAdmission::Admitted && !self.void.contains(author)
            })
        };
        let Some((_, leader)) = members().find(|(_, member)| member.name == first) else {
            return BTreeMap::new();
        };
        let waves = members().map(|(author, member)| {
            let wave = match () {
                () if member.name == first => 0,
                () if member.region == leader.region => 1,
                () => 2,
            };
            (author, wave)
        });
        waves.collect()
    }

    /// The word of a node on a release.
    fn word_on(&self, author: Author, id: ReleaseId) -> Option<ReleaseStage> {
        let mut words = self.release_words();
        let word = words.find(|(own, word)| *own == author && word.id == id);
        word.map(|(_, word)| word.stage)
    }
}

/// Tells whether the wave of this node is due.
pub(super) fn is_due(cluster: &Cluster, now: Moment, release: &Release) -> bool {
    let waves = cluster.release_waves(&release.head.first);
    let Some(mine) = waves.get(&cluster.me).copied() else {
        return false;
    };
    if mine == 0 || release.head.pace == ReleasePace::AtOnce {
        return true;
    }
    let earlier: Vec<Author> = waves
        .into_iter()
        .filter(|(_, wave)| *wave < mine)
        .map(|(author, _)| author)
        .collect();
    let is_sound =
        |author: &Author| cluster.word_on(*author, release.id) == Some(ReleaseStage::Sound);
    let sound = earlier.iter().filter(|author| is_sound(author)).count();
    let mut missing = earlier.iter().filter(|author| !is_sound(author));
    cluster.footing() == Footing::Together
        && sound * 2 > earlier.len()
        && missing.all(|author| cluster.is_away(now, *author))
}

/// Tells whether this node is to give the text: somebody who is there lacks it, and of those who have it this one gives it already, or is
/// the first of them while nobody does. Only words that are credible say who has it: a liar with a newer one holds up nobody.
pub(super) fn gives(
    cluster: &Cluster,
    now: Moment,
    id: ReleaseId,
    is_credible: &dyn Fn(Author, &ReleaseWord) -> bool,
) -> bool {
    let words = cluster.release_words();
    let words = words.filter(|(author, word)| is_credible(*author, word));
    let words: BTreeMap<Author, &ReleaseWord> = words.collect();
    let others = cluster.roster.members().map(|(author, _)| author);
    let others: Vec<Author> = others
        .filter(|author| *author != cluster.me && !cluster.is_away(now, *author))
        .collect();
    let having = |author: &&Author| words.get(author).is_some_and(|word| word.id >= id);
    if others.iter().all(|author| having(&author)) {
        return false;
    }
    let gives_already = cluster.gives_release(id);
    let mut having = others.iter().filter(having);
    having.all(|author| {
        let gives = words.get(author).is_some_and(|word| word.parts > 0);
        *author > cluster.me && (gives_already || !gives) || gives_already && !gives
    })
}
