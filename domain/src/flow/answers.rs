//! Answers to the steps of a flow, as somebody who tries it out gives them.

use std::collections::{BTreeMap, HashMap};

use super::{Action, Flow, Interruption, Run, Service, Side, StepResult, possible::Possible};

/// The answer to a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepAnswer {
    /// The result of the step.
    Result(StepResult),
    /// The end of the run during the step.
    Interrupted(Interruption),
}

/// An answer as it is given, not yet compared with the step.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Given {
    /// A result, an interruption, or the value of the application's detail (the key, for instance).
    pub result: Option<String>,
    /// Details by name.
    pub details: Vec<(String, String)>,
}

/// A given answer that does not fit the flow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit {
    /// The name under which the answer was given: a step's number or an application.
    pub name: String,
    /// The name of the detail that does not fit, if it is one.
    pub detail: Option<String>,
    /// The reason, as a text for people.
    pub reason: String,
}

/// The answers to the steps of a flow. A step's first visit gets its first answer, the next visit
/// the next one; the last answer stays. A step without an answer has its action's usual result.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answers(BTreeMap<usize, Vec<StepAnswer>>);

/// The reason for which an answer does not fit an action, and the detail that it is about.
type Reason = (Option<String>, String);

impl Answers {
    /// Reads answers to this flow: by the numbers of steps, counted from 0, or by the names of
    /// applications, for all their steps that are not named by number.
    ///
    /// # Errors
    /// All answers that do not fit the flow.
    pub fn read(flow: &Flow, given: &BTreeMap<String, Vec<Given>>) -> Result<Self, Vec<Unfit>> {
        let (mut by_name, mut by_number) = (BTreeMap::new(), BTreeMap::new());
        let mut unfit = Vec::new();
        for (name, list) in given {
            let number = name.parse::<usize>().ok();
            let answers = match number {
                Some(_) => &mut by_number,
                None => &mut by_name,
            };
            match flow.answers_under(name, number, list) {
                Ok(read) => answers.extend(read),
                Err(reason) => unfit.push(reason),
            }
        }
        by_name.append(&mut by_number);
        unfit.is_empty().then_some(Self(by_name)).ok_or(unfit)
    }

    /// Answers each step by these answers.
    pub fn each(&self) -> impl FnMut(usize, &Action) -> StepAnswer {
        let mut visits: HashMap<usize, usize> = HashMap::new();
        move |at, action| {
            let visit = visits.entry(at).or_default();
            let given = self.0.get(&at);
            let answer = given.and_then(|list| list.get(*visit).or(list.last()));
            *visit += 1;
            answer
                .cloned()
                .unwrap_or_else(|| StepAnswer::Result(action.usual()))
        }
    }
}

impl Flow {
    /// The answers given under one name, for each step that it stands for.
    fn answers_under(
        &self,
        name: &str,
        number: Option<usize>,
        given: &[Given],
    ) -> Result<Vec<(usize, Vec<StepAnswer>)>, Unfit> {
        let unfit = |(detail, reason)| Unfit {
            name: name.to_owned(),
            detail,
            reason,
        };
        if given.is_empty() || given.len() > Run::MOST_STEPS {
            let reason = format!("must have from 1 to {} answers", Run::MOST_STEPS);
            return Err(unfit((None, reason)));
        }
        let is_meant = |at: usize, action: &Action| match number {
            Some(number) => at == number,
            None => action.application() == name,
        };
        let actions = self.steps.iter().map(|step| &step.action).enumerate();
        let meant = actions.filter(|(at, action)| is_meant(*at, action));
        let read = meant.map(|(at, action)| {
            let answers = given.iter().map(|one| self.answer(action, one));
            Ok((at, answers.collect::<Result<_, _>>()?))
        });
        let read: Vec<_> = read.collect::<Result<_, _>>().map_err(unfit)?;
        if read.is_empty() {
            return Err(unfit((None, self.none_such())));
        }
        Ok(read)
    }

    /// The reason for which a name stands for no step.
    fn none_such(&self) -> String {
        let names = self.steps.iter().map(|step| step.action.application());
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        names.dedup();
        let last = self.steps.len().saturating_sub(1);
        let names = names.join(", ");
        format!("must be a step from 0 to {last} or one of {names}")
    }

    fn answer(&self, action: &Action, given: &Given) -> Result<StepAnswer, Reason> {
        let by = given.result.as_deref().and_then(Interruption::from_word);
        match by.filter(|by| by.can_end(self.service)) {
            Some(by) if given.details.is_empty() => Ok(StepAnswer::Interrupted(by)),
            _ => self.result(action, given).map(StepAnswer::Result),
        }
    }

    fn result(&self, action: &Action, given: &Given) -> Result<StepResult, Reason> {
        let expected = || self.expected(action);
        let possible = action.possible();
        let detailed = possible.iter().find(|it| !it.details.is_empty());
        let Some(word) = &given.result else {
            let meant = detailed.or(possible.first()).ok_or_else(expected)?;
            return meant.with_details(&given.details);
        };
        if let Some(named) = possible.iter().find(|it| it.result == word) {
            return named.with_details(&given.details);
        }
        let alone = detailed.filter(|_| given.details.is_empty());
        alone.and_then(|it| it.by_value(word)).ok_or_else(expected)
    }

    /// The answers that an action can have, as the reason for a refusal.
    fn expected(&self, action: &Action) -> Reason {
        let possible = action.possible().iter();
        let mut words: Vec<String> = possible.clone().map(|it| it.result.to_owned()).collect();
        let interruptions = Interruption::ALL.iter();
        let interruptions = interruptions.filter(|by| by.can_end(self.service));
        words.extend(interruptions.map(|by| by.word().to_owned()));
        let details = possible.flat_map(|it| it.details);
        words.extend(details.map(|(name, values)| format!("{name}: {}", values.expected())));
        (None, format!("must be one of {}", words.join("; ")))
    }
}

impl Possible {
    /// This result with the value of its first detail: a key that was pressed, for instance.
    fn by_value(&self, value: &str) -> Option<StepResult> {
        let (name, _) = self.details.first()?;
        let given = [((*name).to_owned(), value.to_owned())];
        self.with_details(&given).ok()
    }

    /// This result with these details, and with the usual values of others.
    fn with_details(&self, given: &[(String, String)]) -> Result<StepResult, Reason> {
        let about = |name: &str, reason: String| (Some(name.to_owned()), reason);
        for (name, value) in given {
            let values = self.values(name);
            let values = values.ok_or_else(|| {
                about(name, format!("is no detail of the result {}", self.result))
            })?;
            if !values.admit(value) {
                return Err(about(name, format!("must be {}", values.expected())));
            }
        }
        let mut result = StepResult::new(self.result);
        for (name, values) in self.details {
            let said = given.iter().find(|(of, _)| of == name);
            let value = said.map(|(_, value)| value.as_str()).or(values.usual());
            let value = value.ok_or_else(|| about(name, "is required".to_owned()))?;
            result = result.with(*name, value);
        }
        Ok(result)
    }
}

impl Interruption {
    /// All interruptions.
    const ALL: [Self; 4] = [
        Self::Hangup(Side::Remote),
        Self::Hangup(Side::Local),
        Self::Cancelled,
        Self::Deadline,
    ];

    /// The word by which the interruption is given as an answer.
    const fn word(self) -> &'static str {
        match self {
            Self::Hangup(Side::Local) => "hangup_local",
            _ => self.as_str(),
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.word() == word)
    }

    /// True if it can end the flows of this service: only a call can be hung up.
    const fn can_end(self, service: Service) -> bool {
        let is_call = matches!(service, Service::Voice | Service::Fax);
        is_call || !matches!(self, Self::Hangup(_))
    }
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
