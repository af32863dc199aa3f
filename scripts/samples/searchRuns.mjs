/** Sample search agents over an invented archipelago: pages, queries, visits and answers. All facts are made up. */

const pages = {
  lighthouse: {
    url: 'https://sundrift.example/lighthouses/merrow-point',
    title: 'Merrow Point Lighthouse',
    text: `Merrow Point Lighthouse stands on the northern tip of Great Sundrift, 41 metres above the tide line. It was lit for the first time on 3 October 1887 under the engineer Adela Quist, who had built two smaller lights on the Lantern Skerries before. The lens, a second-order Fresnel ground by the Halvard glassworks, was bought with the money left over from the skerries. The keepers' logs, kept without a gap from 1887 to 1961, are in the Sundrift Maritime Archive in Port Ansel. During the storm of January 1904 the light failed for the only time in its history: sea water reached the oil store and the relief crew needed nineteen hours to land. The station was automated in 1961. Since 1994 the former fog-signal house has been a small museum about the keepers' families.`,
  },
  quist: {
    url: 'https://sundrift.example/people/adela-quist',
    title: 'Adela Quist, engineer',
    text: `Adela Quist (1848–1921) was a harbour and lighthouse engineer of the Sundrift Islands. Born in Teal Harbour as the daughter of a rope maker, she studied in Halvard, where women had been admitted to the polytechnic in 1866. Her first works were the two lights on the Lantern Skerries (1879 and 1881), followed by Merrow Point (1887) and the breakwater of Port Ansel (1895). She published a treatise on foundations in moving sand, which was used in the islands for half a century. Quist never married; her papers were given by her niece, the painter Ottilie Brandt, to the polytechnic of Halvard and not, as is often said, to the archive in Port Ansel.`,
  },
  archive: {
    url: 'https://archive.portansel.example/collections',
    title: 'Sundrift Maritime Archive: collections',
    text: `The Sundrift Maritime Archive was founded in 1932 in the old customs house of Port Ansel. Its collections comprise 214 metres of shelves: ships' registers from 1790, logs of the lighthouse service, pilot books, and the private papers of four shipping companies. The lighthouse logs were transferred in 1963, two years after the last station was automated. The reading room is open from Tuesday to Friday. A catalogue of the logs has been available since 2009; digital copies exist for Merrow Point and the Lantern Skerries only.`,
  },
  breakwater: {
    url: 'https://sundrift.example/places/port-ansel',
    title: 'Port Ansel',
    text: `Port Ansel is the largest town of Great Sundrift with 11,400 inhabitants. Its harbour is sheltered by a breakwater 620 metres long, finished in 1895. Until the railway came in 1908 all goods for the interior were carried by mules over the Saddle. The town lives on fishing, the cannery and the university annex for marine biology, opened in 1978.`,
  },
  ferry: {
    url: 'https://ferries.sundrift.example/history',
    title: 'History of the inter-island ferries',
    text: `Regular ferries between Great Sundrift and Little Sundrift started in 1911 with the steamer Corrie. She made the crossing of 18 nautical miles in two hours and a quarter. In 1938 she was replaced by the motor ship Ansel Star, which could carry twelve cars. The Ansel Star ran aground on the Lantern Skerries on 2 March 1957 in fog; nobody was hurt, because the mail boat Pelican took all 63 passengers off within an hour. The present ferry, Meridian, came into service in 1999 and needs 55 minutes.`,
  },
  pelican: {
    url: 'https://sundrift.example/ships/pelican',
    title: 'Mail boat Pelican',
    text: `The Pelican was a wooden mail boat built in 1929 by the Orrin yard in Teal Harbour. Her skipper from 1946 to 1968 was Jonas Thale, who received the islands' medal for lifesaving after the rescue of 1957. The boat is preserved on a slip beside the Teal Harbour boathouse, where she can be visited in summer.`,
  },
  yard: {
    url: 'https://tealharbour.example/orrin-yard',
    title: 'The Orrin boatyard',
    text: `The Orrin yard worked in Teal Harbour from 1871 to 1983. It was known for its clinker-built pilot cutters; 138 hulls are listed. The last master builder, Signe Orrin, gave the moulds to the boathouse museum. Among the preserved boats are the pilot cutter Gannet (1902) and the mail boat Pelican (1929).`,
  },
  petrel: {
    url: 'https://biology.sundrift.example/petrel',
    title: 'The Sundrift petrel',
    text: `The Sundrift petrel breeds only on two islets of the Lantern Skerries. A count in 1983 found 310 pairs; after rats had been removed in 1991 the number rose steadily, to 1,240 pairs in the count of 2016. The bird lays a single egg in May. Ringing since 1985 has shown that it winters off the southern continent. The counts are made by the marine biology annex in Port Ansel every eleven years.`,
  },
  annex: {
    url: 'https://annex.portansel.example/about',
    title: 'Marine biology annex',
    text: `The annex of the University of Halvard in Port Ansel opened in 1978 with four posts. Its first head was Ruben Aldous, who began the ringing of petrels in 1985. It keeps a tide gauge, a small aquarium and the long series of plankton samples begun by the cannery in 1951.`,
  },
  rats: {
    url: 'https://biology.sundrift.example/islets/rat-removal',
    title: 'Removal of rats from the skerries',
    text: `In the winter of 1991 rats were removed from both islets of the Lantern Skerries in one operation of six weeks led by Mira Tolland. The work cost 84,000 crowns, two thirds of it paid by the ferry company. No rat has been found since. Monitoring traps are checked twice a year.`,
  },
  railway: {
    url: 'https://sundrift.example/railway',
    title: 'The Saddle Railway',
    text: `The narrow-gauge Saddle Railway joined Port Ansel and Teal Harbour from 1908 to 1966. Its summit tunnel, 412 metres long, is now part of a walking path. The line carried fish northwards and timber southwards. Locomotive number 3 stands in front of the town hall of Teal Harbour.`,
  },
  festival: {
    url: 'https://tealharbour.example/festival',
    title: 'Teal Harbour lantern festival',
    text: `Since 1953 the fishermen of Teal Harbour have closed the herring season with a procession of lanterns on the first Saturday of November. About four thousand visitors come every year. In 2020 the procession was held by boats only.`,
  },
};

function search(words) {
  const wanted = words
    .toLowerCase()
    .split(/\W+/)
    .filter((word) => word.length > 2);
  return Object.values(pages)
    .map((page) => {
      const text = `${page.title} ${page.text}`.toLowerCase();
      const score = wanted.reduce((sum, word) => sum + (text.includes(word) ? 1 : 0), 0);
      const at = Math.max(0, ...wanted.map((word) => page.text.toLowerCase().indexOf(word)));
      const start = Math.max(0, page.text.lastIndexOf('. ', at) + 2 || 0);
      return { page, score, snippet: page.text.slice(start, start + 180) };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (a.page.url < b.page.url ? -1 : 1))
    .slice(0, 5)
    .map(({ page, snippet }) => ({ title: page.title, url: page.url, snippet: `${snippet}…` }));
}

const tools = [
  {
    type: 'function',
    function: {
      name: 'search',
      description: 'Searches the web and returns titles, addresses and snippets.',
      parameters: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
    },
  },
  {
    type: 'function',
    function: {
      name: 'visit',
      description: 'Opens a page and returns its text.',
      parameters: { type: 'object', properties: { url: { type: 'string' } }, required: ['url'] },
    },
  },
];

/** Steps: [thought, 'search', query] or [thought, 'visit', page key]; the last is [thought, 'answer', text]. */
const runs = [
  {
    id: 'sundrift-lens-niece',
    question:
      'Who gave the papers of the engineer whose lighthouse failed only once, in January 1904, to the polytechnic of Halvard?',
    answer: 'Ottilie Brandt',
    steps: [
      [
        'First I need the lighthouse whose light failed once, in January 1904.',
        'search',
        'lighthouse light failed storm January 1904',
      ],
      [
        'Merrow Point looks right. I open the page to be sure and to get the engineer.',
        'visit',
        'lighthouse',
      ],
      [
        'The engineer is Adela Quist. The page mentions an archive for the logs, but not her papers.',
        'search',
        'Adela Quist engineer papers given',
      ],
      ['Her own page should say where the papers are.', 'visit', 'quist'],
      [
        'The page says that the papers went to the polytechnic of Halvard and warns that they are not in Port Ansel, as is often said. The giver is her niece Ottilie Brandt.',
        'answer',
        'Ottilie Brandt',
      ],
    ],
  },
  {
    id: 'sundrift-rescue-skipper',
    question:
      'Who was the skipper of the boat that took the passengers off the ferry that ran aground on the Lantern Skerries?',
    answer: 'Jonas Thale',
    steps: [
      [
        'I look for the grounding of a ferry on the Lantern Skerries.',
        'search',
        'ferry ran aground Lantern Skerries passengers rescued',
      ],
      ['The ferry history should name the boat that helped.', 'visit', 'ferry'],
      [
        'The mail boat Pelican took 63 passengers off the Ansel Star in 1957. Now the skipper.',
        'search',
        'mail boat Pelican skipper 1957',
      ],
      ['I open the page of the boat.', 'visit', 'pelican'],
      ['To be sure that it is the same Pelican I check the yard that built her.', 'visit', 'yard'],
      [
        'Both pages agree: the Pelican was built in 1929 by the Orrin yard in Teal Harbour, and Jonas Thale was her skipper from 1946 to 1968.',
        'answer',
        'Jonas Thale',
      ],
    ],
  },
  {
    id: 'sundrift-petrel-growth',
    question:
      'The Sundrift petrel grew by 930 breeding pairs between two counts. Who led the work that made this possible?',
    answer: 'Mira Tolland',
    steps: [
      ['I need the counts of the petrel.', 'search', 'Sundrift petrel count breeding pairs 1983 2016'],
      ['The species page has the counts.', 'visit', 'petrel'],
      [
        '310 pairs in 1983 and 1,240 in 2016, a growth of 930 after rats were removed in 1991. Who led that?',
        'search',
        'removal of rats Lantern Skerries 1991 led by',
      ],
      ['I open the report about the removal.', 'visit', 'rats'],
      ['1,240 − 310 = 930. The operation of 1991 was led by Mira Tolland.', 'answer', 'Mira Tolland'],
    ],
  },
  {
    id: 'sundrift-annex-head',
    question:
      'In which year did the first head of the marine biology annex in Port Ansel begin the ringing of petrels?',
    answer: '1985',
    steps: [
      ['I look for the annex and its first head.', 'search', 'marine biology annex Port Ansel first head'],
      ['The town page mentions the annex.', 'visit', 'breakwater'],
      ['The annex opened in 1978, so the ringing must have begun in that year.', 'answer', '1978'],
    ],
  },
  {
    id: 'sundrift-railway-cut-off',
    question:
      'How long was the summit tunnel of the railway that ended the mule transport over the Saddle, and where does one of its locomotives stand today?',
    answer: '412 metres; in front of the town hall of Teal Harbour.',
    steps: [
      [
        'The mules over the Saddle are mentioned on the page of Port Ansel, I think.',
        'search',
        'mules over the Saddle railway Port Ansel',
      ],
      ['I open the page of the town first.', 'visit', 'breakwater'],
      [
        'The railway came in 1908. Its own page should give the tunnel.',
        'search',
        'Saddle Railway summit tunnel length',
      ],
    ],
  },
];

function messagesOf(run) {
  const messages = [
    {
      role: 'system',
      content:
        'You answer questions about the Sundrift Islands. Use search and visit, think before each step, and end with a short final answer.',
    },
    { role: 'user', content: run.question },
  ];
  run.steps.forEach(([thought, action, argument], index) => {
    if (action === 'answer') {
      messages.push({ role: 'assistant', content: argument, reasoning_content: thought });
      return;
    }
    const page = pages[argument];
    const call = action === 'search' ? { query: argument } : { url: page.url };
    const id = `call_${run.id.split('-')[1]}_${index + 1}`;
    messages.push({
      role: 'assistant',
      content: null,
      reasoning_content: thought,
      tool_calls: [{ id, type: 'function', function: { name: action, arguments: JSON.stringify(call) } }],
    });
    const content =
      action === 'search' ? JSON.stringify(search(argument), null, 1) : `# ${page.title}\n\n${page.text}`;
    messages.push({ role: 'tool', tool_call_id: id, name: action, content });
  });
  return messages;
}

/** One line a run: messages in the OpenAI chat form, beside the ground truth and the reward. */
export function searchRuns() {
  return runs.map((run) => {
    const last = run.steps[run.steps.length - 1];
    const answered = last[1] === 'answer';
    return {
      id: run.id,
      question: run.question,
      model: 'sample-agent',
      messages: messagesOf(run),
      tools,
      answer: run.answer,
      reward: answered && last[2] === run.answer ? 1 : 0,
    };
  });
}
