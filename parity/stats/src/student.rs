//! Student's t distribution.
//!
//! The tail is the regularised incomplete beta function by Lentz's continued fraction (Press et
//! al., Numerical Recipes, 3rd ed., section 6.4), with the beta function before it as a series: as a
//! difference of log-gammas it loses a digit for every tenfold more degrees of freedom. The fraction
//! loses digits too, in `1 - x`, so from 10,000 on the equivalent normal deviate takes its place
//! (Hill 1970, "Algorithm 395: Student's t-distribution", Communications of the ACM 13(10), whose
//! error falls with the fourth power of the degrees of freedom). Arrays here have 1e8 elements.

use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

/// Degrees of freedom from which the normal deviate is the more exact.
const MANY: f64 = 1e4;

/// `P(|T| > |t|)` for `freedom` degrees of freedom, which is positive.
#[must_use]
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    let square = t * t;
    if square == 0.0 {
        return 1.0;
    }
    if freedom > MANY {
        return erfc(normal_deviate(square, freedom) / std::f64::consts::SQRT_2);
    }
    let (a, b) = (freedom / 2.0, 0.5);
    // x = freedom / (freedom + t^2) and 1 - x, each without cancellation.
    let x = 1.0 / (1.0 + square / freedom);
    let rest = square / (freedom + square);
    // x^a (1 - x)^b / B(a, b)
    let front = (-a * (square / freedom).ln_1p() + b * rest.ln() - ln_beta_half(a)).exp();
    let tail = if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, rest) / b
    };
    tail.clamp(0.0, 1.0)
}

/// `P(T > t)`.
#[must_use]
pub fn upper_tail(t: f64, freedom: f64) -> f64 {
    let tail = two_sided(t, freedom) / 2.0;
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The `t` with `P(T > t) = tail`, for `tail` in `(0, 0.5]`, by bisection to the last bit.
#[must_use]
pub fn upper_quantile(tail: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while upper_tail(high, freedom) > tail && high < 1e300 {
        high *= 2.0;
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if upper_tail(middle, freedom) > tail {
            low = middle
        } else {
            high = middle
        }
    }
}

/// The normal deviate with the tail of the `t` whose square is given.
fn normal_deviate(square: f64, freedom: f64) -> f64 {
    let a = freedom - 0.5;
    let b = 48.0 * a * a;
    let y = a * (square / freedom).ln_1p();
    let small = ((-0.4 * y - 3.3) * y - 24.0) * y - 85.5;
    ((small / (0.8 * y * y + 100.0 + b) + y + 3.0) / b + 1.0) * y.sqrt()
}

/// `ln B(a, 1/2) = ln(pi) / 2 + ln gamma(a) - ln gamma(a + 1/2)`.
fn ln_beta_half(a: f64) -> f64 {
    let half_ln_pi = 0.5 * std::f64::consts::PI.ln();
    if a < 20.0 {
        return half_ln_pi + ln_gamma(a) - ln_gamma(a + 0.5);
    }
    // ln gamma(a + 1/2) - ln gamma(a) = ln(a) / 2 - 1/(8a) + 1/(192 a^3) - 1/(640 a^5)
    //   + 17/(14336 a^7) - 31/(18432 a^9) + ...   (DLMF 5.11.8, difference of two values of h)
    let inverse = 1.0 / a;
    let square = inverse * inverse;
    let series = inverse
        * (-1.0 / 8.0
            + square
                * (1.0 / 192.0
                    + square
                        * (-1.0 / 640.0 + square * (17.0 / 14336.0 - square * 31.0 / 18432.0))));
    half_ln_pi - (0.5 * a.ln() + series)
}

/// The continued fraction of the incomplete beta function.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    // Converges in O(sqrt(max(a, b))) terms where x is below its switching point.
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let factor = d * c;
        value *= factor;
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}
