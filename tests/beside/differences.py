"""Every way in which the two routers differ on the rows: what it is, who is right, and what shows it.

A difference that none of these explains fails a test; so does one of these that is not seen any more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from beside.compare import Apart


@dataclass(frozen=True)
class Difference:
    """One way to differ. ``places`` is a pattern for the whole of ``end place``, ``row`` one for any part of a row's id."""

    places: str
    theirs: str
    ours: str
    shown: str
    """The test that shows ours right; where either will do, why."""
    right: Literal["Trunkline", "either"] = "Trunkline"
    row: str = ""
    values: str = ".*"
    """A pattern for ``theirs -> ours``."""

    def explains(self, row: str, apart: Apart) -> bool:
        """Whether this is what it is."""
        values = f"{apart.theirs} -> {apart.ours}"
        return (
            re.fullmatch(self.places, f"{apart.end} {apart.place}") is not None
            and re.search(self.row, row) is not None
            and re.fullmatch(self.values, values, re.DOTALL) is not None
        )


D = Difference
DIFFERENCES: Sequence[Difference] = (
    # who is asked
    D("given status", "404: another letter case in a provider's name", "found in any letter case",
      "test_a_request_goes_where_its_owner_configured", row="DEEPSEEK", values=r"404 -> 200"),
    D("given status", "404: a provider whose key is empty or absent is dropped", "it is asked, without a key",
      "test_details_of_places", row="groq_and_local", values=r"404 -> 200"),
    D("given status", "404: `[name, options]` drops the provider", "options are taken for every transformer",
      "test_details_of_places", row="^anthropic.json", values=r"404 -> 200"),
    D("given status", "404: a subagent's tag names a provider that is not there", "the tag is passed over, and the route says so",
      "test_vector_28_a_tag_that_names_nothing_is_passed_over_and_told", row="SUBAGENT.*gone", values=r"404 -> 200"),
    D("sent url", "a subagent's tag is found at the start of the second block of the system prompt alone", "at every place, before an explicit model",
      "test_the_tag_leaves_the_prompt_and_nothing_else_does", row="SUBAGENT"),
    D("sent url", "a word that its tokenizer has for itself stops the routing, an explicit model included: the default is asked", "the model that was named",
      "test_the_right_provider_is_asked_for_the_right_model", row="endoftext"),
    D("sent url", "a project's Router takes the place of the whole global one", "it is laid over it: what it does not name stays",
      "test_what_is_recorded_of_trunkline_is_what_it_does", row="with_project.json.*think"),
    D("sent protocol", "`anthropic` in lower case is dropped: Chat goes to an address of Messages, and the client gets an empty answer",
      "the request is passed through as Messages", "test_details_of_places", values=r"chat -> messages"),
    D("sent url", "the address as it is in the file: no endpoint path is added", "asks the endpoint",
      "test_where_providers_are", row="openai,gpt-4"),
    D("sent url", "every model of a provider at the one endpoint in the file", "each model at its own endpoint",
      "test_details_of_places", row="databricks_and_openai.json.*haiku"),
    D("sent url", "`$HOME` in `CUSTOM_ROUTER_PATH` is not filled in: the custom router is not loaded", "it is asked first",
      "test_what_is_recorded_of_trunkline_is_what_it_does", row="custom_router.json.*opus"),
    D("sent url", "a model's bare id goes by the Router", "to the provider that lists it",
      "test_a_request_goes_where_its_owner_configured", row="gpt-3.5-turbo"),
    D("sent (url|model)", "`thinking` of any kind goes to `think`, `adaptive` and `disabled` too", "only where thinking is asked for",
      "test_a_request_goes_where_its_owner_configured", row="bare/|disabled"),
    D("sent model", "a blank after the comma becomes part of the model", "it is left out",
      "test_a_request_goes_where_its_owner_configured", row=r"openrouter, |groq_and_local", values=r" (\S+) -> \1"),
    D("sent model", "`provider/model` goes by the Router", "the provider's model is asked",
      "test_a_request_goes_where_its_owner_configured", row="ollama/kimi"),
    # what is asked
    D(r"sent turn\.(system|user)\[\]\.parts\.text\[\]\.text", "the client's line of attribution, which changes by version, opens the system prompt",
      "it stays behind: prompt caches live", "test_E58_the_attribution_line_stays_behind", row="bare|websearch|readimage"),
    D(r"sent reasoning\.(effort|enabled|summary)", "a `reasoning` object of its own goes to every provider, switched-off thinking included",
      "what the provider takes, in its own words, or a declared loss", "test_over_a_strangers_chat_api_claude_is_asked_by_effort", values=r".* -> absent"),
    D(r"sent (thinking\.type|thinking\.budget_tokens|reasoning_effort|generationConfig\.thinkingConfig\.thinkingBudget)",
      "the client's thinking does not reach the provider in its words", "it does: a switch, a budget or an effort", "test_E18_E92_effort_and_summaries", values=r"absent -> .*"),
    D(r"sent (max_tokens|max_completion_tokens)", "more than the model can write, or under a name that newer models refuse",
      "within the model's limit, under the name that the provider documents", "test_E89_E90_limits_and_sampling_by_facts", values=r"(128000 -> 64000|2000 -> absent|absent -> 2000)"),
    D(r"sent generationConfig(\.maxOutputTokens)?", "no limit for the answer reaches Gemini", "`maxOutputTokens`", "test_the_page_is_up_to_date", values=r"(\{\} -> absent|absent -> \d+)"),
    D("sent max_output_tokens", "no limit for the answer reaches Responses", "`max_output_tokens`", "test_the_page_is_up_to_date", values=r"absent -> \d+"),
    D(r"sent toolConfig\.functionCallingConfig(\.mode)?", "`tool_choice` `any` is lost", "`ANY`", "test_the_page_is_up_to_date", values=r"(\{\} -> absent|absent -> ANY)"),
    D(r"sent stream_options\.include_usage", "does not ask for the usage of a stream", "asks for it where the provider takes the question",
      "test_only_gpt_takes_stream_options_and_remote_pictures", values=r"absent -> True"),
    D(r"sent (turn\.assistant\[\]\.(reasoning_content|thinking\.(content|signature)))", "earlier reasoning goes under names that no provider reads",
      "as `reasoning_content`, with every turn of calls", "test_E11_reasoning_content_comes_back_in_every_turn_with_calls"),
    D(r"sent (order|turn\.(tool|user)\[\]\.parts\.(text\[\]\.text|image_url\[\]\.image_url\.url))", "a picture in a tool's result is written out as text",
      "it is a picture, after the results", "test_E36_pictures_in_results_follow_all_results", row="readimage"),
    D("sent tools", "a tool that is only a placeholder of the client is declared", "it stays behind",
      "the client says itself that it must never be called", "either", "readimage", values=r".*DeferredToolPlaceholder.* -> .*"),
    D(r"sent (tools|tool_choice)", "the search of another vendor becomes a function that nobody runs", "it is left out with a declared loss, or run by the gateway where a search is configured",
      "test_a_search_that_nobody_runs_is_a_declared_loss", row="websearch", values=r".* -> absent"),
    D(r"sent turn\.\w+\[\](\.parts\.text\[\])?\.cache_control\.type", "cache marks for providers that have none, and none in places that take them",
      "marks go to those who take them", "test_E105_cache_marks_go_bare_and_on_lists_to_those_who_take_them"),
    D(r"sent turn\.assistant\[\]\.parts\.output_text\[\]\.(text|annotations)", "text beside calls is lost on the way to Responses", "text and calls",
      "test_E10_the_order_of_an_assistant_turn_stays"),
    D("sent parallel_tool_calls", "forbids parallel calls", "they are allowed, and told apart", "test_E22_parallel_calls_in_one_chunk_and_in_several_are_alike", values=r"False -> absent"),
    D("sent (store|tool strict)", "the provider's defaults", "nothing is stored, schemas are taken as they are", "OpenAI's defaults would keep the conversation and rewrite schemas", "either", values=r"absent -> False"),
    D("sent user", "nothing", "a digest of the client's own id of its user, for the provider's limits", "the field is optional", "either", values=r"absent -> \S+"),
    D(r"sent turn\.user\[\]\.parts\.image_url\[\]\.media_type", "a field of its own beside a picture's URL", "the URL says it",
      "test_a_picture_is_a_picture_in_every_protocol", values=".* -> absent"),
    D(r"sent turn\.user\[\]\.parts\.file\[\]\.inlineData\.(mime_type|mimeType)", "`mime_type`", "`mimeType`", "Google takes both", "either"),
    D("sent stream", "`stream: false`", "the field is left out", "it is the default", "either", values=r"False -> absent"),
    D(r"sent turn\.user\[\]\.parts\.result\[\]\.id", "results without the call's id", "with it", "Gemini pairs by name where there is no id", "either", values=r"absent -> .*"),
    D(r"sent (order|turn\.system\[\]\.parts\.text\[\]\.text)", "the words of tool mode are the last message, at another place in each turn",
      "they stand in front: earlier turns keep their bytes", "test_the_exit_tool", row="scenarios|hub,tools"),
    D("sent tool (description|schema)", "words of its own for the tool that ends tool mode", "other words", "the models understand both", "either", "scenarios|hub,tools"),
    D(r"sent (order|turn\.system\[\]\.parts\.text\[\]\.text|tools|tool_choice)", "`Tooluse` in another letter case is dropped", "found in any letter case",
      "test_the_exit_tool", row="groq_and_local"),
    D(r"sent (order|turn\.(system|user)\[\]\.parts\.text\[\]\.text)", "the words of `forcereasoning` are added to the last message, at another place in each turn",
      "they stand in front: earlier turns keep their bytes", "test_forced_reasoning_reads_its_own_tag", row="hub,forced"),
    D(r"sent thinking\.budget_tokens", "thinking is switched off with a budget of `-1`", "it is switched off", "test_a_switch_stands_beside_an_effort_where_there_is_one",
      values="-1 -> absent"),
    # what is given
    D(r"given (blocks|content.*|order)", "the answer is lost when the model opens no tag, and the stream begins with its end", "it arrives",
      "test_forced_reasoning_reads_its_own_tag", row="hub,forced"),
    D(r"given content\.tool_use\[\]\.input", "arguments come twice when reasoning is before them", "once", "test_every_difference_is_explained", row="hub,thinking"),
    D(r"given content\.tool_use\[\]\.input", "a call that was cut off is made whole as `{}`", "as far as it came, with `max_tokens`", "test_repaired_arguments",
      row="hub,enhanced.*cut off"),
    D(r"given (error.*|type|request_id|message|statusCode)", "an error without Anthropic's shape, with a stack trace", "Anthropic's shape, the kind, the provider's words, an id",
      "test_E107_errors_keep_status_kind_and_wording", row="401|gone|nobody"),
    D(r"given (error\..*|order|stop)", "an error inside a stream has no standard form and is followed by an ordinary end", "one standard error event ends the stream",
      "test_E4_an_error_event_ends_the_stream", row="error in the stream"),
    D(r"given (blocks|content.*)", "the answer is lost", "it arrives", "test_details_of_places", row="^anthropic.json"),
    D(r"given (blocks|content\.(server_tool_use|web_search_tool_result).*)", "an empty list of citations becomes a search that never was",
      "no search", "test_an_empty_list_of_citations_is_no_search", row="stream: null . text"),
    D(r"given (blocks|content\.(thinking|text).*)", "`(no content)` is made up as thinking and text", "nothing is made up",
      "test_E71_nothing_opens_for_an_empty_text", row="^gemini.json"),
    D(r"given (blocks|content\.thinking.*)", "reasoning is lost, or not signed, so that the client cannot send it back", "it is thinking with a signature",
      "test_E05_reasoning_comes_back_under_its_names"),
    D(r"given (blocks|content\.tool_use.*)", "parallel calls become one with both arguments", "each is a call", "test_E22_parallel_calls_in_one_chunk_and_in_several_are_alike", row="calls"),
    D("given stop", "`end_turn` although a tool is called", "`tool_use`", "test_E22_parallel_calls_in_one_chunk_and_in_several_are_alike", values=r"end_turn -> tool_use"),
    D(r"given usage\.\w+", "usage that comes with or after the end is lost, of Gemini the thinking; a cached part may be missing", "all of it",
      "test_E85_usage_wherever_it_stands", values=r"\d+ -> [1-9]\d*"),
)  # fmt: skip
"""In the order in which they are tried."""


def explain(row: str, apart: Apart) -> Difference | None:
    """What explains a difference; None: nothing does."""
    return next((difference for difference in DIFFERENCES if difference.explains(row, apart)), None)
