/** A command line as typed so far, taken apart as bash, zsh and fish agree: blanks between words, quotes, backslashes. Nothing is expanded. */
export interface Typed {
  /** whole words behind the program's name */
  words: string[];
  /** the one that is being typed; empty behind a blank */
  current: string;
}

const PART = /\\(?<escaped>[\s\S])|'(?<single>[^']*)'?|"(?<double>(?:\\[\s\S]|[^"\\])*)\\?"?|(?<blank>\s+)|(?<plain>[^\\'"\s]+)/g;

/** A quote that is still open counts as closed at the end. */
export function takeApart(line: string): Typed {
  const words = [''];
  for (const { groups } of line.matchAll(PART)) {
    const { escaped, single, double, blank, plain } = groups!;
    if (blank === undefined) words[words.length - 1] += escaped ?? single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? plain!;
    else words.push('');
  }
  return { words: words.slice(1, -1), current: words.length > 1 ? words.at(-1)! : '' };
}
