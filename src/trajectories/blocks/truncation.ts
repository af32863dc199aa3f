/**
 * Notices by which tools say that they cut their output. They stand at the head, at the end, or in the
 * middle (where the first and last halves were joined), so only those three windows are searched.
 */
const notice =
  /response clipped|[Oo]bservation truncated|[Oo]utput (?:was |is )?(?:truncated|too large|too long)|[Tt]runcated (?:due to|because|output)|\d (?:lines?|chars|characters|tokens|bytes) (?:were |was )?(?:elided|omitted|truncated)|omitted \d+ of \d+|elided_chars|[Ff]ull output (?:has been )?saved to|saved to file|\[truncated\]|<truncated|[Cc]ontent truncated|\(truncated\)|\.\.\.truncated/;

const windowLength = 1200;

/** True when the text itself says that it was cut. Cost is bounded, whatever the length. */
export function isTruncatedText(text: string): boolean {
  const length = text.length;
  if (length <= 3 * windowLength) return mayBeNotice(text);
  const middle = (length - windowLength) >> 1;
  return (
    mayBeNotice(text.slice(0, windowLength)) ||
    mayBeNotice(text.slice(length - windowLength)) ||
    mayBeNotice(text.slice(middle, middle + windowLength))
  );
}

/** Words of the notices, of which nearly every text has none; looking for them costs far less than the pattern. */
const noticeWords = /(?:runcat|clipp|elid|omitt)ed|saved to|too l/;

function mayBeNotice(text: string): boolean {
  return noticeWords.test(text) && notice.test(text);
}
