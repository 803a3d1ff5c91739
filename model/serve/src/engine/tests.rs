use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use genome::Strand;
use inference::channels::Channels;
use scorers::{Organism, OutputType, Predictions, Track, Tracks};
use tokio::time::timeout;
use tonic::Code;

use super::{
    Answered, Client, Engine, Error, Event, Library, Limits, Opener, Request, Status, Task, Work,
};

/// A model that runs when it is told to, and says what it ran.
struct Fake {
    go: mpsc::Receiver<()>,
    ran: Arc<Mutex<Vec<usize>>>,
    fails: bool,
}

impl Work for Fake {
    fn run(&mut self, _: Organism, task: &Task) -> Result<Answered, Error> {
        self.go.recv().expect("the test goes on");
        if self.fails {
            return Err(Error::Internal("the device is gone".into()));
        }
        let bases = task.length() as usize;
        self.ran.lock().unwrap().push(bases);
        assert_ne!(bases, PANICS, "a fault of the model");
        let track = Track::new(1, vec![0.0; bases]);
        Ok(Answered {
            predictions: vec![Predictions {
                tracks: [(OutputType::Atac, track)].into(),
                ..Predictions::default()
            }],
            ..Answered::default()
        })
    }
}

const PANICS: usize = 4096;

struct Bench {
    engine: Arc<Engine>,
    /// Lets the model run once.
    go: mpsc::Sender<()>,
    ran: Arc<Mutex<Vec<usize>>>,
    events: Arc<Mutex<Vec<Event>>>,
}

fn bench(limits: Limits) -> Bench {
    beside(limits, None).0
}

/// A model, and maybe one beside it, which may fail on everything; and what lets that run.
fn beside(limits: Limits, other: Option<bool>) -> (Bench, mpsc::Sender<()>) {
    let channels = Channels {
        kept: vec![0],
        reindex: vec![0],
        tracks: Arc::new(Tracks::new(vec!["a".into()], vec![Strand::Unstranded])),
    };
    let library = Library::bare(Organism::Human, [(OutputType::Atac, channels)].into());
    let ran = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::new(Mutex::new(Vec::new()));
    let opener = |device: &str, fails| {
        let (go, receiver) = mpsc::channel();
        let ran = ran.clone();
        let open = move || -> anyhow::Result<Box<dyn Work>> {
            Ok(Box::new(Fake {
                go: receiver,
                ran,
                fails,
            }))
        };
        (go, Opener::new(device, open))
    };
    let (go, first) = opener("first", false);
    let (go_other, second) = opener("second", other == Some(true));
    let openers = [first, second].into_iter();
    let openers = openers.take(1 + usize::from(other.is_some())).collect();
    let seen = events.clone();
    let observer = Arc::new(move |event: &Event| seen.lock().unwrap().push(event.clone()));
    let engine = Engine::start(Arc::new(library), openers, limits, observer).unwrap();
    let bench = Bench {
        engine,
        go,
        ran,
        events,
    };
    (bench, go_other)
}

/// Bases that nobody else asks for.
fn request(client: &str, length: usize) -> Request {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let digits = (0..8).map(|digit| char::from(b"ACGT"[number >> (2 * digit) & 3]));
    let bases = digits.chain(std::iter::repeat_n('A', length - 8));
    Request {
        organism: Organism::Human,
        task: Task::PredictSequence {
            bases: bases.collect(),
            outputs: BTreeMap::from([(OutputType::Atac, None)]),
        },
        client: Client(client.into()),
        deadline: None,
    }
}

impl Bench {
    /// Waits until the model has taken a request.
    async fn running(&self, count: usize) {
        let wait = async {
            while self.engine.status().running != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(10), wait).await.unwrap();
    }

    async fn empty(&self) {
        timeout(Duration::from_secs(10), self.engine.idle())
            .await
            .expect("nothing is held");
        let left = Status {
            workers: 1,
            ..Status::default()
        };
        assert_eq!(self.engine.status(), left);
    }

    fn outcomes(&self) -> Vec<Code> {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| event.outcome).collect()
    }
}

#[tokio::test]
async fn an_answer_counts_until_it_is_dropped() {
    let bench = bench(Limits::default());
    let ticket = bench.engine.submit(request("a", 2048)).unwrap();
    bench.go.send(()).unwrap();
    let answer = ticket.answer().await.unwrap();
    assert_eq!(answer.predictions[0].bytes(), 4 * 2048);
    let status = bench.engine.status();
    assert_eq!((status.queued, status.running), (0, 0));
    assert_eq!(status.held_bytes, 4 * 2048);
    drop(answer);
    bench.empty().await;
    assert_eq!(bench.outcomes(), [Code::Ok]);
}

#[tokio::test]
async fn answers_that_are_not_read_hold_others_up() {
    let bench = bench(Limits {
        answer_bytes: 4 * 3 * 2048,
        ..Limits::default()
    });
    let first = bench.engine.submit(request("a", 2048)).unwrap();
    bench.go.send(()).unwrap();
    let first = first.answer().await.unwrap();
    // Two thirds more do not fit, one does.
    let large = bench.engine.submit(request("b", 3 * 2048)).unwrap();
    let small = bench.engine.submit(request("c", 2048)).unwrap();
    bench.go.send(()).unwrap();
    bench.go.send(()).unwrap();
    drop(small.answer().await.unwrap());
    assert_eq!(bench.engine.status().queued, 1);
    drop(first);
    drop(large.answer().await.unwrap());
    assert_eq!(*bench.ran.lock().unwrap(), [2048, 2048, 3 * 2048]);
    let error = bench.engine.submit(request("a", 4 * 2048)).err();
    assert!(matches!(error, Some(Error::TooLarge(_))), "{error:?}");
    bench.empty().await;
}

#[tokio::test]
async fn a_full_queue_refuses_with_a_time() {
    let bench = bench(Limits {
        places: 2,
        ..Limits::default()
    });
    let first = bench.engine.submit(request("a", 2048)).unwrap();
    bench.running(1).await;
    let second = bench.engine.submit(request("a", 2048)).unwrap();
    let third = bench.engine.submit(request("b", 2048)).unwrap();
    let error = bench.engine.submit(request("c", 2048)).err().unwrap();
    assert_eq!(error.code(), Code::ResourceExhausted);
    let after = error.retry_after().unwrap();
    assert!((1..=60).contains(&after.as_secs()), "{after:?}");
    assert!(
        error
            .to_string()
            .contains("2 requests wait, of at most 2; try again in 1 s")
    );
    // A place that was given up is free.
    drop(second);
    let fourth = bench.engine.submit(request("c", 2048)).unwrap();
    for _ in 0..3 {
        bench.go.send(()).unwrap();
    }
    for ticket in [first, third, fourth] {
        ticket.answer().await.unwrap();
    }
    bench.empty().await;
    let codes = [
        Code::ResourceExhausted,
        Code::Cancelled,
        Code::Ok,
        Code::Ok,
        Code::Ok,
    ];
    assert_eq!(bench.outcomes(), codes);
}

#[tokio::test]
async fn bytes_that_wait_are_bounded() {
    let bench = bench(Limits {
        queued_bytes: 5000,
        ..Limits::default()
    });
    let first = bench.engine.submit(request("a", 2048)).unwrap();
    bench.running(1).await;
    let second = bench.engine.submit(request("a", 2048)).unwrap();
    let error = bench.engine.submit(request("a", 2048)).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("its requests have 3072 bytes, of at most 5000")
    );
    drop((first, second));
    bench.go.send(()).unwrap();
    bench.empty().await;
}

#[tokio::test]
async fn what_arrives_counts_with_what_waits() {
    let bench = bench(Limits {
        queued_bytes: 5000,
        ..Limits::default()
    });
    let (mut first, mut second) = (bench.engine.arriving(), bench.engine.arriving());
    first.grow(3000).unwrap();
    first.grow(2000).unwrap();
    for error in [
        second.grow(2001).err(),
        bench.engine.submit(request("a", 2048)).err(),
    ] {
        let error = error.unwrap();
        assert_eq!(error.code(), Code::ResourceExhausted);
        assert!(error.to_string().contains("3000 bytes, of at most 5000"));
    }
    assert_eq!(bench.engine.status().arriving_bytes, 3000);
    drop(first);
    second.grow(5000).unwrap();
    drop(second);
    bench.empty().await;
}

#[tokio::test]
async fn what_is_made_of_an_answer_counts_with_it() {
    let bench = bench(Limits {
        answer_bytes: 4 * 3 * 2048,
        ..Limits::default()
    });
    let ticket = bench.engine.submit(request("a", 2048)).unwrap();
    bench.go.send(()).unwrap();
    let mut held = ticket.answer().await.unwrap().held;
    let mut other = bench.engine.held();
    held.grow(8192).unwrap();
    let error = held.grow(8193).unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
    let error = other.grow(8193).unwrap_err();
    assert!(error.retry_after().is_some(), "{error}");
    other.grow(8192).unwrap();
    held.join(other);
    assert_eq!(bench.engine.status().held_bytes, 3 * 8192);
    held.set(1);
    assert_eq!(bench.engine.status().held_bytes, 1);
    drop(held);
    bench.empty().await;
}

#[tokio::test]
async fn who_leaves_frees_the_place() {
    let bench = bench(Limits::default());
    let running = bench.engine.submit(request("a", 2048)).unwrap();
    bench.running(1).await;
    let waiting = bench.engine.submit(request("a", 6144)).unwrap();
    assert!(
        timeout(Duration::from_millis(20), waiting.answer())
            .await
            .is_err()
    );
    assert_eq!(bench.engine.status().queued, 0);
    drop(running);
    bench.go.send(()).unwrap();
    bench.empty().await;
    // What ran when its client left was finished, and its answer dropped.
    assert_eq!(*bench.ran.lock().unwrap(), [2048]);
    assert_eq!(bench.outcomes(), [Code::Cancelled, Code::Cancelled]);
}

#[tokio::test]
async fn a_deadline_that_passed_frees_the_place() {
    let bench = bench(Limits::default());
    let running = bench.engine.submit(request("a", 2048)).unwrap();
    bench.running(1).await;
    let mut late = request("a", 6144);
    late.deadline = Some(Instant::now() + Duration::from_millis(20));
    let error = bench.engine.submit(late).unwrap().answer().await.err();
    assert!(matches!(error, Some(Error::Deadline)), "{error:?}");
    assert_eq!(bench.engine.status().queued, 0);
    bench.go.send(()).unwrap();
    running.answer().await.unwrap();
    bench.empty().await;
    assert_eq!(bench.outcomes(), [Code::DeadlineExceeded, Code::Ok]);
}

#[tokio::test]
async fn what_is_late_when_its_turn_comes_does_not_run() {
    let bench = bench(Limits::default());
    let running = bench.engine.submit(request("a", 2048)).unwrap();
    bench.running(1).await;
    let mut late = request("a", 6144);
    late.deadline = Some(Instant::now());
    // Nobody awaits it, who would take it out.
    let late = bench.engine.submit(late).unwrap();
    bench.go.send(()).unwrap();
    running.answer().await.unwrap();
    bench.empty().await;
    let error = late.answer().await.err();
    assert!(matches!(error, Some(Error::Deadline)), "{error:?}");
    assert_eq!(*bench.ran.lock().unwrap(), [2048]);
    assert_eq!(bench.outcomes(), [Code::Ok, Code::DeadlineExceeded]);
}

#[tokio::test]
async fn what_failed_does_not_run_again_for_who_left() {
    let (bench, fail) = beside(Limits::default(), Some(true));
    let submit = || bench.engine.submit(request("a", 2048)).unwrap();
    let both = [submit(), submit()];
    bench.running(2).await;
    drop(both);
    fail.send(()).unwrap();
    bench.go.send(()).unwrap();
    let idle = timeout(Duration::from_secs(10), bench.engine.idle());
    idle.await.expect("the first model runs its own alone");
    assert_eq!(*bench.ran.lock().unwrap(), [2048]);
    assert_eq!(bench.outcomes(), [Code::Cancelled, Code::Cancelled]);
}

#[tokio::test]
async fn what_runs_is_finished_when_the_engine_closes() {
    let bench = bench(Limits::default());
    let running = bench.engine.submit(request("a", 2048)).unwrap();
    bench.running(1).await;
    let waiting = bench.engine.submit(request("a", 2048)).unwrap();
    bench.engine.close();
    for error in [
        waiting.answer().await.err(),
        bench.engine.submit(request("a", 2048)).err(),
    ] {
        assert!(matches!(error, Some(Error::Unavailable(_))), "{error:?}");
    }
    bench.go.send(()).unwrap();
    running.answer().await.unwrap();
    timeout(Duration::from_secs(10), bench.engine.idle())
        .await
        .unwrap();
    let codes = [Code::Unavailable, Code::Unavailable, Code::Ok];
    assert_eq!(bench.outcomes(), codes);
}

#[tokio::test]
async fn a_panic_is_one_request_s() {
    let bench = bench(Limits::default());
    for length in [PANICS, 2048] {
        bench.go.send(()).unwrap();
        let answer = bench.engine.submit(request("a", length)).unwrap().answer();
        assert_eq!(answer.await.is_ok(), length != PANICS);
    }
    bench.empty().await;
    assert_eq!(bench.outcomes(), [Code::Internal, Code::Ok]);
}

#[tokio::test]
async fn a_group_takes_its_turn_with_others() {
    let bench = bench(Limits::default());
    let first = bench.engine.submit(request("x", 2048)).unwrap();
    bench.running(1).await;
    let group: Vec<_> = (1..=7).map(|_| request("a", 6144)).collect();
    let group = bench.engine.submit_all(group).unwrap();
    let other = bench.engine.submit(request("b", 8192)).unwrap();
    for _ in 0..9 {
        bench.go.send(()).unwrap();
    }
    for ticket in group.into_iter().chain([first, other]) {
        ticket.answer().await.unwrap();
    }
    // Planned passes are used for a while.
    let order = [2048, 6144, 6144, 6144, 6144, 6144, 8192, 6144, 6144];
    assert_eq!(*bench.ran.lock().unwrap(), order);
    bench.empty().await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_before_it_waits() {
    let bench = bench(Limits {
        length: 8192,
        ..Limits::default()
    });
    let mut lower = request("a", 2048);
    let mut none = request("a", 2048);
    let mut other = request("a", 2048);
    let mut mouse = request("a", 2048);
    if let Task::PredictSequence { bases, .. } = &mut lower.task {
        bases.replace_range(9..10, "a");
    }
    if let Task::PredictSequence { outputs, .. } = &mut none.task {
        outputs.clear();
    }
    if let Task::PredictSequence { outputs, .. } = &mut other.task {
        outputs.insert(OutputType::Procap, None);
    }
    mouse.organism = Organism::Mouse;
    let cases = [
        (
            request("a", 1000),
            Code::InvalidArgument,
            "length 1000 bp is not supported: expected a multiple of 2048 bp",
        ),
        (
            request("a", 10240),
            Code::InvalidArgument,
            "length 10240 bp is longer than this server takes, 8192 bp",
        ),
        (
            lower,
            Code::InvalidArgument,
            "base 10 of the sequence is 'a'",
        ),
        (none, Code::InvalidArgument, "no output is asked for"),
        (
            other,
            Code::NotFound,
            "the model has no track of PROCAP for HOMO_SAPIENS",
        ),
        (
            mouse,
            Code::NotFound,
            "the model does not know MUS_MUSCULUS",
        ),
    ];
    for (request, code, text) in cases {
        let error = bench.engine.submit(request).err().unwrap();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
    bench.empty().await;
    assert_eq!(bench.outcomes().len(), 6);
}

#[tokio::test]
async fn what_several_ask_for_runs_once() {
    let bench = bench(Limits::default());
    let asked = request("a", 2048);
    let other = bench.engine.submit(request("b", 6144)).unwrap();
    bench.running(1).await;
    let same: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            let client = Client(name.into());
            let asked = Request {
                client,
                ..asked.clone()
            };
            bench.engine.submit(asked).unwrap()
        })
        .into();
    // One leaves, and one comes while the first runs.
    bench.go.send(()).unwrap();
    other.answer().await.unwrap();
    bench.running(1).await;
    let mut same = same.into_iter();
    drop(same.next_back());
    let late = bench.engine.submit(asked.clone()).unwrap();
    let mut fewer = asked;
    if let Task::PredictSequence { outputs, .. } = &mut fewer.task {
        outputs.insert(OutputType::Atac, Some(vec![0]));
    }
    let fewer = bench.engine.submit(fewer).unwrap();
    bench.go.send(()).unwrap();
    for ticket in same.chain([late]) {
        let answer = ticket.answer().await.unwrap();
        assert_eq!(answer.predictions[0].bytes(), 4 * 2048);
    }
    assert_eq!(*bench.ran.lock().unwrap(), [6144, 2048]);
    // What is like it is not the same.
    bench.go.send(()).unwrap();
    fewer.answer().await.unwrap();
    assert_eq!(bench.ran.lock().unwrap().len(), 3);
    bench.empty().await;
    let shared = bench.events.lock().unwrap();
    let shared: Vec<_> = shared.iter().map(|event| event.shared).collect();
    assert_eq!(
        shared.iter().filter(|shared| **shared).count(),
        2,
        "{shared:?}"
    );
}

#[tokio::test]
async fn what_runs_on_one_model_is_not_run_on_another() {
    let (bench, go) = beside(Limits::default(), Some(false));
    let asked = request("a", 2048);
    let submit = |asked: &Request| bench.engine.submit(asked.clone()).unwrap();
    let first = submit(&asked);
    bench.running(1).await;
    let tickets = [first, submit(&asked), submit(&request("a", 2048))];
    bench.running(2).await;
    assert_eq!(bench.engine.status().queued, 1);
    go.send(()).unwrap();
    bench.go.send(()).unwrap();
    for ticket in tickets {
        let answer = timeout(Duration::from_secs(10), ticket.answer()).await;
        answer.unwrap().unwrap();
    }
    assert_eq!(*bench.ran.lock().unwrap(), [2048, 2048]);
}

#[tokio::test]
async fn a_model_that_fails_again_and_again_is_taken_out() {
    let (bench, fail) = beside(Limits::default(), Some(true));
    for _ in 0..100 {
        // It may take both.
        let _ = (fail.send(()), fail.send(()));
        let ticket = bench.engine.submit(request("a", 2048)).unwrap();
        let other = bench.engine.submit(request("b", 2048)).unwrap();
        bench.go.send(()).unwrap();
        bench.go.send(()).unwrap();
        for ticket in [ticket, other] {
            let answer = timeout(Duration::from_secs(10), ticket.answer()).await;
            answer.unwrap().unwrap();
        }
        if bench.engine.status().workers == 1 {
            break;
        }
    }
    let models = bench.engine.models();
    assert_eq!((models[0].works, models[0].faults), (true, 0));
    assert_eq!((&*models[1].device, models[1].works), ("second", false));
    assert!(models[1].faults >= 3, "{models:?}");
    bench.empty().await;
    // The last one stays, whatever it fails on.
    for _ in 0..5 {
        bench.go.send(()).unwrap();
        let answer = bench.engine.submit(request("a", PANICS)).unwrap().answer();
        assert_eq!(
            answer.await.err().map(|error| error.code()),
            Some(Code::Internal)
        );
    }
    bench.empty().await;
}

#[tokio::test]
async fn what_all_models_fail_on_is_an_error() {
    let (bench, fail) = beside(Limits::default(), Some(true));
    fail.send(()).unwrap();
    bench.go.send(()).unwrap();
    let answer = bench.engine.submit(request("a", PANICS)).unwrap().answer();
    let answer = timeout(Duration::from_secs(10), answer).await.unwrap();
    assert_eq!(answer.err().map(|error| error.code()), Some(Code::Internal));
    assert!(
        bench
            .engine
            .models()
            .iter()
            .all(|model| model.works && model.faults == 0)
    );
    assert_eq!(bench.outcomes(), [Code::Internal]);
}
