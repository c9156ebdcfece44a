"""Explanations: what stands beside a breach, and so where to look first.

Arithmetic on what the store holds, without a clock or a database: `parts` shares a change out among segments,
`levels` says what else moved, `since` dates it, `company` tells what happened on the same days, `advice` what
to do.  None of it proves a cause; docs/explanations.md says what each can and cannot know.
"""

from hindsight.explanation.advice import Action, Advice, Moved, advice
from hindsight.explanation.record import Explanation, as_json
from hindsight.explanation.words import facts, lines, when

__all__ = ["Action", "Advice", "Explanation", "Moved", "advice", "as_json", "facts", "lines", "when"]
