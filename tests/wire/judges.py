"""What an answer means, as the vendors' own SDKs read it.

The source side is read leniently: the SDK frames and types each event and the judge adds them up, because
recorded servers deviate. The target side, which we wrote, is read by the SDK's own accumulator as well, and
both readings must agree.
"""

from wire.judge_chat import ChatJudge
from wire.judge_gemini import GeminiJudge
from wire.judge_messages import MessagesJudge
from wire.judge_responses import ResponsesJudge

JUDGES = {
    judge.protocol: judge for judge in (MessagesJudge(), ChatJudge(), ResponsesJudge(), GeminiJudge())
}
