//! Batches of concurrent requests: one statement or append for many callers.
//!
//! Requests that come while a batch is being handled gather, and are the next one. On an idle
//! system each request is a batch of its own, at once; under load one round trip serves many.
//!
//! A [`Handler`] gets the batches of a [`Batcher`]. One that needs a loop of its own, such as to
//! keep requests for later, takes them from [`Batcher::channel`].
//!
//! To add a kind of request: a `Handler` in the crate that has its statement, and one `Batcher`
//! that the callers share. Appends have lanes, and go through `two_lanes` instead.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

/// Handles the batches of a [`Batcher`].
pub trait Handler: Send + 'static {
    /// A request.
    type Request: Send + 'static;
    /// The answer to a request.
    type Answer: Send + 'static;

    /// The name of the work, for the log.
    const NAME: &'static str;

    /// Handles a batch, which is never empty. Returns the answers in the order of the requests;
    /// requests beyond them are left without one, such as all when the database does not answer.
    fn handle(
        &mut self,
        batch: Vec<Self::Request>,
    ) -> impl Future<Output = Vec<Self::Answer>> + Send;
}

/// Limits on the requests of a [`Batcher`].
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most requests of a batch.
    pub batch: usize,
    /// The most requests that wait; further callers wait for room.
    pub waiting: usize,
}

/// A handle to the task that handles requests in batches. Clones share the task, which ends with
/// the last of them.
#[derive(Debug)]
pub struct Batcher<T, A>(mpsc::Sender<Pending<T, A>>);

/// A request whose caller waits for the answer.
#[derive(Debug)]
pub struct Pending<T, A> {
    /// The request.
    pub request: T,
    /// The way back to the caller, who gets none if this is dropped.
    pub answer: oneshot::Sender<A>,
}

impl<T, A> Clone for Batcher<T, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static, A: Send + 'static> Batcher<T, A> {
    /// Starts the task.
    pub fn start(bounds: Bounds, handler: impl Handler<Request = T, Answer = A>) -> Self {
        let (batcher, pending) = Self::channel(bounds.waiting);
        tokio::spawn(run(bounds.batch, handler, pending));
        batcher
    }

    /// A handle without a task: its requests come out of the receiver, of which `waiting` wait at
    /// most.
    pub fn channel(waiting: usize) -> (Self, mpsc::Receiver<Pending<T, A>>) {
        let (sender, pending) = mpsc::channel(waiting);
        (Self(sender), pending)
    }

    /// Makes a request and waits for its answer; `None` if it gets none.
    pub async fn ask(&self, request: T) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Pending { request, answer }).await.ok()?;
        answered.await.ok()
    }
}

async fn run<H: Handler>(
    most: usize,
    mut handler: H,
    mut pending: mpsc::Receiver<Pending<H::Request, H::Answer>>,
) {
    let mut batch = Vec::new();
    while pending.recv_many(&mut batch, most).await > 0 {
        // Requests that are about to be made get the chance to share this batch.
        tokio::task::yield_now().await;
        while batch.len() < most
            && let Ok(one) = pending.try_recv()
        {
            batch.push(one);
        }
        let (requests, callers): (Vec<_>, Vec<_>) = batch
            .drain(..)
            .map(|pending| (pending.request, pending.answer))
            .unzip();
        // A panic leaves only this batch without answers.
        let handled = AssertUnwindSafe(handler.handle(requests)).catch_unwind();
        match handled.await {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    // The caller may have gone.
                    let _ = caller.send(answer);
                }
            }
            Err(_) => tracing::error!(work = H::NAME, "a batch could not be handled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use futures::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;

    const TAKES: Duration = Duration::from_millis(10);
    const BOUNDS: Bounds = Bounds {
        batch: 3,
        waiting: 10,
    };

    /// Doubles numbers, each batch in ten milliseconds, and notes the batches' lengths.
    #[derive(Clone, Default)]
    struct Doubles(Arc<Mutex<Vec<usize>>>);

    impl Handler for Doubles {
        type Request = i32;
        type Answer = i32;
        const NAME: &'static str = "doubles";

        async fn handle(&mut self, batch: Vec<i32>) -> Vec<i32> {
            self.0.lock().unwrap().push(batch.len());
            sleep(TAKES).await;
            assert!(!batch.contains(&13), "thirteen");
            let small = batch.into_iter().take_while(|number| *number < 100);
            small.map(|number| number * 2).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_caller_gets_the_answer_to_its_own_request() {
        let doubles = Doubles::default();
        let batcher = Batcher::start(BOUNDS, doubles.clone());
        let answers = join_all((1..=7).map(|number| batcher.ask(number))).await;
        assert_eq!(answers, [2, 4, 6, 8, 10, 12, 14].map(Some));
        assert_eq!(*doubles.0.lock().unwrap(), [3, 3, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_during_a_batch_are_the_next_one() {
        let doubles = Doubles::default();
        let batcher = Batcher::start(BOUNDS, doubles.clone());
        let later = async {
            sleep(TAKES / 2).await;
            tokio::join!(batcher.ask(2), batcher.ask(3))
        };
        let answers = tokio::join!(batcher.ask(1), later);
        assert_eq!(answers, (Some(2), (Some(4), Some(6))));
        assert_eq!(*doubles.0.lock().unwrap(), [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_the_handler_leaves_out_get_no_answer() {
        let batcher = Batcher::start(BOUNDS, Doubles::default());
        let answers = join_all([1, 100, 2].map(|number| batcher.ask(number))).await;
        assert_eq!(answers, [Some(2), None, None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_costs_its_own_batch_only() {
        let batcher = Batcher::start(BOUNDS, Doubles::default());
        assert_eq!(batcher.ask(13).await, None);
        assert_eq!(batcher.ask(14).await, Some(28));
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_gives_up_holds_up_no_other() {
        let batcher = Batcher::start(BOUNDS, Doubles::default());
        let impatient = timeout(TAKES / 2, batcher.ask(1));
        let (gone, patient) = tokio::join!(impatient, batcher.ask(2));
        assert!(gone.is_err());
        assert_eq!(patient, Some(4));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_wait_than_there_is_room_for() {
        let (batcher, mut pending) = Batcher::<i32, i32>::channel(1);
        let waits = tokio::spawn(async move { join_all([1, 2].map(|it| batcher.ask(it))).await });
        sleep(TAKES).await;
        assert_eq!(pending.len(), 1);
        while let Some(Pending { request, answer }) = pending.recv().await {
            let _ = answer.send(-request);
        }
        assert_eq!(waits.await.unwrap(), [Some(-1), Some(-2)]);
    }
}
