/** Any value that JSON can say. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/**
 * A whole number.
 *
 * @asType integer
 */
export type Integer = number;

/**
 * A time of RFC 3339 in UTC, with milliseconds.
 *
 * @format date-time
 */
export type Time = string;
