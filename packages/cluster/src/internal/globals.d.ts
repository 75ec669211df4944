/** What every JavaScript runtime has and the ECMAScript library does not declare. */
declare const performance: { now(): number }
