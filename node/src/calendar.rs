//! Dates from Unix time.

/// A moment by the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year.
    pub year: u64,
    /// Month, from 1.
    pub month: u64,
    /// Day, from 1.
    pub day: u64,
    /// Hour, minute and second.
    pub time: (u64, u64, u64),
}

impl Civil {
    /// The date of a second of Unix time. The calendar is Howard Hinnant's `civil_from_days`.
    #[must_use]
    pub const fn of(unix_s: u64) -> Self {
        let (days, second) = (unix_s / 86_400, unix_s % 86_400);
        // Eras of 400 years begin on 1 March, so that the leap day comes last.
        let day = days + 719_468;
        let (era, day) = (day / 146_097, day % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march_month = (5 * day + 2) / 153;
        let day = day - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = 400 * era + year + if month <= 2 { 1 } else { 0 };
        Self { year, month, day, time: (second / 3_600, second / 60 % 60, second % 60) }
    }
}
