//! A member of a lane that is behind the others.

use super::{Source, lane::Lane, wanted};
use crate::Position;

/// The most events of a batch: the others wait for it.
const MOST: usize = 2_000;

impl Lane {
    /// One batch of a member that is behind, at most up to `front`, where it joins the others.
    /// False if this process has not seen so much of the log.
    pub(super) async fn catch_up(
        &mut self,
        index: usize,
        front: Position,
    ) -> Result<bool, sqlx::Error> {
        let member = &self.members[index];
        let Some(leading) = &member.leading else {
            return Ok(false);
        };
        let seen = leading.seen;
        let head = self.log.head();
        let mut source = Source::new(&self.log, member.subscriber.needs(), seen);
        let read = source.ready_up_to(MOST).await;
        let Some(mut events) = self
            .readable(read, seen, |_, behind| behind == index)
            .await?
        else {
            return Ok(true);
        };
        let mut to = source.position().min(front);
        if to == seen {
            // There is nothing in between.
            if head < front {
                return Ok(false);
            }
            to = front;
        }
        events.retain(|event| event.position <= to);
        let wanted = wanted(self.members[index].subscriber.as_ref(), &events);
        if wanted.is_empty() {
            self.members[index].pass(to, head);
            self.save_within(&events);
        } else {
            self.write_alone(index, &wanted, to).await?;
        }
        Ok(true)
    }
}
