// What answers a question comes before why it was decided so and before the names of functions.
var Scorer = {
  score: function (result) {
    const [docname, , , , score] = result;
    return docname.startsWith("decisions/") ? score / 4 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 3,
  objPrio: { 0: 4, 1: 2, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
