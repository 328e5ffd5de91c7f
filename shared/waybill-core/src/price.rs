//! What AWS asks for what is used: one list of prices that states its date, and a sum.
//!
//! The list is that of the region us-east-1, on demand, in US dollars, first tier, before taxes,
//! free tiers and agreements. Other regions ask for more or less. Whoever prints an amount prints
//! [`Prices::as_of`] beside it. Alarms, transfer and what targets cost are not in it.

/// The date of [`US_EAST_1`]: the month for which each of its prices was found stated.
pub const AS_OF: &str = "2026-03";

/// US dollars for what is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// The region whose list it is.
    pub region: &'static str,
    /// The date of the list, a year and a month.
    pub as_of: &'static str,
    /// A million requests to a standard queue, each of up to 64 KB.
    ///
    /// <https://aws.amazon.com/sqs/pricing/>
    pub sqs_standard_per_million: f64,
    /// A million requests to a FIFO queue, each of up to 64 KB.
    ///
    /// <https://aws.amazon.com/sqs/pricing/>
    pub sqs_fifo_per_million: f64,
    /// A million write request units, each of up to 1 KB; halved on 1 November 2024.
    ///
    /// <https://aws.amazon.com/dynamodb/pricing/on-demand/>
    pub write_units_per_million: f64,
    /// A million read request units, each of up to 4 KB read consistently; halved on the same day.
    ///
    /// <https://aws.amazon.com/dynamodb/pricing/on-demand/>
    pub read_units_per_million: f64,
    /// A gigabyte in a table of the Standard class for a month; the first 25 are free.
    ///
    /// <https://aws.amazon.com/dynamodb/pricing/on-demand/>
    pub storage_gb_month: f64,
    /// A gigabyte of a table that can be brought back to a point in time, for a month.
    ///
    /// <https://aws.amazon.com/dynamodb/pricing/on-demand/>
    pub recovery_gb_month: f64,
    /// A million invocations of a function.
    ///
    /// <https://aws.amazon.com/lambda/pricing/>
    pub lambda_requests_per_million: f64,
    /// A second of a function with 1,024 MB, on arm64.
    ///
    /// <https://aws.amazon.com/lambda/pricing/>
    pub lambda_gb_second_arm64: f64,
    /// A second of a function with 1,024 MB, on x86_64.
    ///
    /// <https://aws.amazon.com/lambda/pricing/>
    pub lambda_gb_second_x86_64: f64,
    /// A million invocations of EventBridge Scheduler.
    ///
    /// <https://aws.amazon.com/eventbridge/pricing/>
    pub scheduler_per_million: f64,
    /// A custom metric for a month; each set of dimensions is one.
    ///
    /// <https://aws.amazon.com/cloudwatch/pricing/>
    pub metric_month: f64,
    /// A gigabyte of logs taken in; keeping them is not in it.
    ///
    /// <https://aws.amazon.com/cloudwatch/pricing/>
    pub logs_gb: f64,
}

/// The list of us-east-1 as it stood in [`AS_OF`].
pub const US_EAST_1: Prices = Prices {
    region: "us-east-1",
    as_of: AS_OF,
    sqs_standard_per_million: 0.40,
    sqs_fifo_per_million: 0.50,
    write_units_per_million: 0.625,
    read_units_per_million: 0.125,
    storage_gb_month: 0.25,
    recovery_gb_month: 0.20,
    lambda_requests_per_million: 0.20,
    lambda_gb_second_arm64: 0.000_013_333_4,
    lambda_gb_second_x86_64: 0.000_016_666_7,
    scheduler_per_million: 1.00,
    metric_month: 0.30,
    logs_gb: 0.50,
};

/// The kind of a queue, which its requests are priced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueKind {
    /// A standard queue.
    #[default]
    Standard,
    /// A FIFO queue.
    Fifo,
}

/// The processor of a function, which its time is priced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Architecture {
    /// arm64.
    #[default]
    Arm64,
    /// x86_64.
    X86,
}

/// What was used, or will be. What is not named is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// The kind of the queue.
    pub queue: QueueKind,
    /// The processor of the function.
    pub architecture: Architecture,
    /// Requests to SQS, empty receives among them.
    pub sqs_requests: f64,
    /// Write request units of DynamoDB, those of its indexes among them.
    pub write_units: f64,
    /// Read request units of DynamoDB.
    pub read_units: f64,
    /// Gigabytes in tables of DynamoDB, times months.
    pub storage_gb_months: f64,
    /// Those of them that can be brought back to a point in time.
    pub recovery_gb_months: f64,
    /// Invocations of the function.
    pub lambda_requests: f64,
    /// Seconds of the function, times its gigabytes of memory.
    pub lambda_gb_seconds: f64,
    /// Invocations of EventBridge Scheduler.
    pub scheduler_invocations: f64,
    /// Custom metrics, times months.
    pub metric_months: f64,
    /// Gigabytes of logs taken in.
    pub logs_gb: f64,
}

impl Usage {
    /// So many times as much.
    pub fn times(&self, times: f64) -> Self {
        Self {
            queue: self.queue,
            architecture: self.architecture,
            sqs_requests: self.sqs_requests * times,
            write_units: self.write_units * times,
            read_units: self.read_units * times,
            storage_gb_months: self.storage_gb_months * times,
            recovery_gb_months: self.recovery_gb_months * times,
            lambda_requests: self.lambda_requests * times,
            lambda_gb_seconds: self.lambda_gb_seconds * times,
            scheduler_invocations: self.scheduler_invocations * times,
            metric_months: self.metric_months * times,
            logs_gb: self.logs_gb * times,
        }
    }
}

/// What a usage costs, in US dollars, by line of the bill.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dollars {
    /// Requests to SQS.
    pub sqs: f64,
    /// Writes to DynamoDB.
    pub writes: f64,
    /// Reads from DynamoDB.
    pub reads: f64,
    /// What is kept in DynamoDB.
    pub storage: f64,
    /// Point-in-time recovery of it.
    pub recovery: f64,
    /// Invocations.
    pub lambda_requests: f64,
    /// Time of the function.
    pub lambda_time: f64,
    /// EventBridge Scheduler.
    pub scheduler: f64,
    /// Custom metrics.
    pub metrics: f64,
    /// Logs.
    pub logs: f64,
}

impl Dollars {
    /// The sum of all lines.
    pub fn total(&self) -> f64 {
        self.lines().iter().map(|(_, dollars)| dollars).sum()
    }

    /// Each line with its name, in the order in which they are shown.
    pub fn lines(&self) -> [(&'static str, f64); 10] {
        [
            ("SQS requests", self.sqs),
            ("DynamoDB writes", self.writes),
            ("DynamoDB reads", self.reads),
            ("DynamoDB storage", self.storage),
            ("DynamoDB recovery", self.recovery),
            ("Lambda invocations", self.lambda_requests),
            ("Lambda time", self.lambda_time),
            ("EventBridge Scheduler", self.scheduler),
            ("CloudWatch metrics", self.metrics),
            ("CloudWatch Logs", self.logs),
        ]
    }
}

impl Prices {
    /// What this usage costs.
    pub fn dollars(&self, usage: &Usage) -> Dollars {
        let sqs = match usage.queue {
            QueueKind::Standard => self.sqs_standard_per_million,
            QueueKind::Fifo => self.sqs_fifo_per_million,
        };
        let gb_second = match usage.architecture {
            Architecture::Arm64 => self.lambda_gb_second_arm64,
            Architecture::X86 => self.lambda_gb_second_x86_64,
        };
        Dollars {
            sqs: usage.sqs_requests / MILLION * sqs,
            writes: usage.write_units / MILLION * self.write_units_per_million,
            reads: usage.read_units / MILLION * self.read_units_per_million,
            storage: usage.storage_gb_months * self.storage_gb_month,
            recovery: usage.recovery_gb_months * self.recovery_gb_month,
            lambda_requests: usage.lambda_requests / MILLION * self.lambda_requests_per_million,
            lambda_time: usage.lambda_gb_seconds * gb_second,
            scheduler: usage.scheduler_invocations / MILLION * self.scheduler_per_million,
            metrics: usage.metric_months * self.metric_month,
            logs: usage.logs_gb * self.logs_gb,
        }
    }
}

/// What most things are priced by.
const MILLION: f64 = 1e6;

#[cfg(test)]
mod tests;
