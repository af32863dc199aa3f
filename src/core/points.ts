/** A share in percent, with one decimal. */
export const percent = (value: number): string => (100 * value).toFixed(1);

/** A difference of shares in points, with its sign. */
export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${percent(Math.abs(value))}`;
