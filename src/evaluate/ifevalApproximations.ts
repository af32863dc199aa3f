import { isUpper } from './pythonText.ts';

/**
 * Stand-ins for the three tools that the IFEval reference uses and that cannot be matched exactly here: NLTK's
 * Punkt sentences, NLTK's word_tokenize, and langdetect (which draws random numbers itself). Instructions that
 * rest on them are tagged, and scores are given with and without them.
 */

const abbreviations = new Set(
  'mr mrs ms dr prof sr jr st vs etc e.g i.e cf al inc ltd co corp no vol fig approx dept est gen col sgt capt lt rev hon jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k a.m p.m ph.d'.split(
    ' ',
  ),
);
const opening = /["'“‘«([*_]/;
const closing = /["'”’»)\]*_]/;

/** Number of sentences: ends at `.`, `!`, `?` before white space and what may begin a sentence. */
export function countSentences(text: string): number {
  let count = 0;
  let hasContent = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (!/\s/.test(character)) hasContent = true;
    if (character !== '.' && character !== '!' && character !== '?') continue;
    let end = i + 1;
    while (end < text.length && /[.!?]/.test(text[end]!)) end++;
    const marks = end - i;
    while (end < text.length && closing.test(text[end]!)) end++;
    if (end < text.length && !/\s/.test(text[end]!)) {
      i = end - 1;
      continue;
    }
    let next = end;
    while (next < text.length && /\s/.test(text[next]!)) next++;
    while (next < text.length && opening.test(text[next]!)) next++;
    const follows = text[next] ?? '';
    const isPeriod = character === '.' && marks === 1;
    if (isPeriod && (isAbbreviation(text, i) || /\p{Ll}/u.test(follows))) {
      i = end - 1;
      continue;
    }
    count++;
    hasContent = false;
    i = end - 1;
  }
  return count + (hasContent ? 1 : 0);
}

/** The word before this period is a known abbreviation, an initial, or the number of a list item. */
function isAbbreviation(text: string, periodAt: number): boolean {
  let start = periodAt;
  while (start > 0 && periodAt - start < 12 && /[\p{L}\p{N}.]/u.test(text[start - 1]!)) start--;
  const word = text.slice(start, periodAt);
  if (abbreviations.has(word.toLowerCase())) return true;
  const isInitial = /^\p{Lu}$/u.test(word) && word !== 'I';
  const startsLine = start === 0 || text[start - 1] === '\n';
  return isInitial || (startsLine && /^\d{1,3}$/.test(word));
}

/** Number of words in capitals among what word_tokenize would give: contractions count as two. */
export function countCapitalWords(text: string): number {
  let count = 0;
  const spaced = text
    .replace(/[;@#$%&?!()[\]{}<>"“”«»`]|--|\.\.\.|[,:](?!\d)/g, ' ')
    .replace(/(\p{L})(['’](?:s|m|d|ll|re|ve))(?![\p{L}\p{N}_])/giu, '$1 $2')
    .replace(/(\p{L})(n['’]t)(?![\p{L}\p{N}_])/giu, '$1 $2')
    .replace(
      /(?<![\p{L}\p{N}_])can(not)(?![\p{L}\p{N}_])/giu,
      (whole) => `${whole.slice(0, 3)} ${whole.slice(3)}`,
    );
  for (const token of spaced.split(/\s+/)) if (isUpper(token)) count++;
  return count;
}

/** Frequent short words by language, for the Latin script and where one script serves several languages. */
const functionWords: Readonly<Record<string, string>> = {
  en: 'the of and to in is that it for was with as on be at by this are or from you your not have an will can we which but they i my has their all if more',
  es: 'de la que el en y los se del las por un para con no una su al es lo como más pero sus le ya o este sí porque esta entre cuando muy',
  pt: 'de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua ou quando muito nos já também é são',
  fr: 'de la le et les des en un une du est que pour qui dans ce il au par sur ne se pas plus avec tout sont vous nous mais ou leur cette être à été',
  de: 'der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie',
  it: 'di che e la il un a per in una è sono con non del si da i della le alla come più ma nel al lo gli anche dei questo o se mi ci ha',
  pl: 'i w na z do się nie że to jest o jak po co ale za od są przez przy być może tym dla ich który także tylko czy już te',
  nl: 'de het een en van ik te dat die in je is niet met op voor zijn er maar om hij aan ook als bij nog naar dan wordt worden deze',
  sv: 'och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när år',
  da: 'og i at det er en til på som med for den de af ikke har jeg et der kan han men fra sig vil også blev',
  no: 'og i det på som er en til å av for med at den ikke har jeg de et om han men fra så kan vi også ble',
  fi: 'ja on ei että se oli hän mutta ovat kuin tai joka myös sen niin jos mitä kun ole olen voi tämä sekä joita vain ovat',
  tr: 've bir bu da de için ile çok olarak daha en gibi ne kadar olan var ama sonra ki her o mi değil',
  vi: 'và của là có trong một được cho không các với để những này người khi đã từ đến về cũng như tôi bạn nhiều',
  sw: 'na ya wa kwa ni katika za la cha kama hii pia au yake ambayo kuwa sana huo hizo wao yetu lakini hivyo watu',
  id: 'yang dan di untuk dengan ini dari dalam tidak akan pada itu juga ke adalah karena atau bisa oleh saya kami mereka',
  ro: 'și de la în a cu pe nu este o un că din care pentru mai sunt se au sau ca prin fi după lui dar',
  cs: 'a v se na je že to s z do o i jako pro za by ale jsou k ve jsem po které jeho když tak',
  hu: 'a az és hogy nem is egy van ez meg de csak mint volt ki már még el ha vagy lesz azt',
  hi: 'है के में की से और का को पर हैं एक यह ने भी कि लिए नहीं था कर साथ तो हो या इस',
  mr: 'आहे आणि या की ते हे तो ती मध्ये साठी आहेत नाही होते करून त्या एक असे म्हणून झाले',
  ne: 'छ र को मा हो भएको लागि पनि यो छन् थियो गर्न गरेको भने हुन्छ एक तथा छैन',
};
const wordLists = Object.entries(functionWords).map(
  ([code, words]) => [code, new Set(words.split(' '))] as const,
);
const devanagari = new Set(['hi', 'mr', 'ne']);

const scripts: readonly (readonly [script: string, pattern: RegExp])[] = [
  ['ja', /[\u3040-\u30ff]/gu],
  ['ko', /\p{Script=Hangul}/gu],
  ['zh', /\p{Script=Han}/gu],
  ['th', /\p{Script=Thai}/gu],
  ['el', /\p{Script=Greek}/gu],
  ['he', /\p{Script=Hebrew}/gu],
  ['bn', /\p{Script=Bengali}/gu],
  ['ta', /\p{Script=Tamil}/gu],
  ['te', /\p{Script=Telugu}/gu],
  ['kn', /\p{Script=Kannada}/gu],
  ['ml', /\p{Script=Malayalam}/gu],
  ['gu', /\p{Script=Gujarati}/gu],
  ['pa', /\p{Script=Gurmukhi}/gu],
  ['devanagari', /\p{Script=Devanagari}/gu],
  ['arabic', /\p{Script=Arabic}/gu],
  ['cyrillic', /\p{Script=Cyrillic}/gu],
  ['latin', /\p{Script=Latin}/gu],
];

function byWords(text: string, isCandidate: (code: string) => boolean): string | null {
  const words = text.toLowerCase().match(/[\p{L}\p{M}]+/gu) ?? [];
  let best: string | null = null;
  let bestCount = 0;
  for (const [code, list] of wordLists) {
    if (!isCandidate(code)) continue;
    let count = 0;
    for (const word of words) if (list.has(word)) count++;
    if (count > bestCount) {
      best = code;
      bestCount = count;
    }
  }
  return best;
}

/** Language code as langdetect writes it (`zh` for both Chinese ones); null when the text has no letters. */
export function detectLanguage(text: string): string | null {
  const sample = text.slice(0, 20_000);
  let script = '';
  let most = 0;
  for (const [name, pattern] of scripts) {
    const count = sample.match(pattern)?.length ?? 0;
    // Japanese text is mostly Han; a tenth of kana decides.
    const weight = name === 'ja' ? count * 10 : count;
    if (weight > most) {
      script = name;
      most = weight;
    }
  }
  if (script === '') return null;
  if (script === 'devanagari') return byWords(sample, (code) => devanagari.has(code)) ?? 'hi';
  if (script === 'arabic') {
    if (/[ٹڈڑںے]/u.test(sample)) return 'ur';
    return /[پچژگ]/u.test(sample) ? 'fa' : 'ar';
  }
  if (script === 'cyrillic') {
    if (/[іїєґ]/iu.test(sample)) return 'uk';
    return /[ыэ]/iu.test(sample) ? 'ru' : /ъ/iu.test(sample) ? 'bg' : 'ru';
  }
  if (script === 'latin') return byWords(sample, (code) => !devanagari.has(code)) ?? 'en';
  return script;
}
