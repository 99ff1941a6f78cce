"""Break a part on purpose and see that its tests fail: ``python tests/mutations.py [NAME ...]``.

Each mutation is applied to a temporary copy of the package, and the few tests that should notice are run on it, in a
process forked from one that has the heavy libraries loaded. A mutation that they survive is named, and the exit code
is 1. Not collected by pytest.
"""

from __future__ import annotations

import importlib
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKERS = 2
#: What a copy needs.
PIECES = ("graphcl", "configs", "datasets", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Mutation:
    """One break.

    Attributes:
        name: What is broken.
        file: Below ``graphcl/``.
        old: A piece of it that occurs once.
        new: What takes its place.
        tests: Node ids below ``tests/``; each of them must fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


EDGES, FEATURES = "augment/drop_edges.py", "augment/features.py"
AUGMENTERS = "contract/test_augmenters.py::"
MUTATIONS = (
    Mutation("RecBole's positions are kept as they are", "recbole/data.py", "astype(np.int64) - 1", "astype(np.int64)",
             ("recbole/test_export.py::test_pairs", "recbole/test_equal_to_ours.py::test_general[lightgcl]")),
    Mutation("a checkpoint may name anything", "recbole/checkpoints.py", "if name in _ALLOWED.get(module, ()):",
             "if True:", ("recbole/test_compat.py::test_a_checkpoint_that_runs_code_is_refused",)),
    Mutation("ridge's strength is chosen by the rows that are fitted", "tasks/probes/ridge.py",
             "return self.targets - (self.targets - fit) / np.maximum(1.0 - own, 1e-10)[:, None]", "return fit",
             ("tasks/probes/test_ridge.py::test_strength_is_chosen_by_what_is_left_out",)),
    Mutation("forecasts are judged past the end of their part", "tasks/probes/base.py",
             "self.future.room.index_select(0, rows) >= horizon", "self.future.room.index_select(0, rows) >= 1",
             ("tasks/probes/test_forecast.py::test_windows_are_asked_for_rows_of_their_part_alone[test]",)),
    Mutation("a missing value is made of later ones", "data/window_sets/table.py",
             "np.maximum.accumulate(np.where(lost, 0, np.arange(len(values))[:, None]), axis=0)",
             "np.minimum.accumulate(np.where(lost, len(lost), np.arange(len(values))[:, None])[::-1], axis=0)[::-1]",
             ("data/window_sets/test_window_set.py::"
              "test_a_missing_value_is_the_last_one_known_and_never_a_later_one",)),
    Mutation("shares are of what a layer gives with its residual", "encode/chain_conv.py",
             "self.shares(messages, chains, self.pieces)", "self.shares(latents, chains, self.pieces)",
             ("encode/test_chain_conv.py::test_shares_are_of_what_each_layer_adds_and_for_evaluation_alone",)),
    Mutation("a level is of each channel", "data/series_sets/raw.py", "known = values[np.isfinite(values)]",
             "known = values[:, :1][np.isfinite(values[:, :1])]",
             ("data/series_sets/test_series_set.py::test_a_level_is_of_all_channels_of_a_series_together",)),
    Mutation("a patched name is forgotten", "recbole/patches.py", "self._undo.append(put_back)", "pass",
             ("recbole/test_compat.py::test_undo_puts_every_name_back",)),
    Mutation("two names of a setting may differ", "from_recbole/keys.py", "found[place][1] != value", "False",
             ("from_recbole/test_translate.py::test_two_names_of_one_setting_must_agree",)),
    Mutation("a declared name is a word all the same", "encode/word_sets.py", "(words > 0) & ~graph.own[:, None]",
             "words > 0", ("encode/test_word_sets.py::test_a_word_is_in_a_set_once_and_declared_names_may_be_left_out",
                           "encode/test_word_sets.py::test_other_names_change_nothing_where_declared_names_are_left_out")),
    Mutation("the words of a set all count alike", "encode/word_sets.py", ".index_select(0, words).exp()",
             ".index_select(0, words) ** 0", ("encode/test_word_sets.py::test_cosines_are_those_of_weighted_sets",)),
    Mutation("words that few programs have count", "encode/word_sets.py", "having < least, _NOTHING",
             "having < least, _LEAST",
             ("encode/test_word_sets.py::test_a_word_that_too_few_programs_have_changes_no_cosine",
              "encode/test_word_sets.py::test_first_weights_by_hand")),
    Mutation("any kind takes the place of a loop", "augment/code_forms.py",
             "at = torch.isin(values, members).nonzero(as_tuple=True)", "at = (values >= 0).nonzero(as_tuple=True)",
             ("augment/test_code.py::test_forms_change_within_their_group_and_nothing_else_does",)),
    Mutation("an anchor's own tuple is a negative too", "objective/terms/multi_contrast.py",
             "own = (tuples == tuples[0]).all(0).nonzero().squeeze(1)",
             "own = (tuples != tuples).all(0).nonzero().squeeze(1)",
             ("objective/terms/test_multi_contrast.py::test_against_the_sum_over_all_tuples",)),
    Mutation("the tracked mean does not scale a temperature's slope", "objective/states/temperatures.py",
             "self.rho - weight * found.expected", "self.rho - found.expected",
             ("objective/states/test_temperatures.py::test_against_the_algorithm_written_out[0.3]",)),
    Mutation("every pair is weighed as the bad ones", "objective/states/bad_pairs.py",
             "(self.noisy | self.faulty)[:, None] * bell", "torch.ones_like(self.noisy)[:, None] * bell",
             ("objective/states/test_bad_pairs.py::"
              "test_a_bad_pair_weighs_the_density_at_its_loss_and_every_other_one[density]",)),
    Mutation("a bell weighs a loss that was weighed", "objective/base.py",
             "return replace(group, values=group.values * weights, raw=group.losses)",
             "return replace(group, values=group.values * weights)",
             ("objective/states/test_bad_pairs.py::test_a_term_weighs_each_anchor_and_takes_the_mean_over_all",)),
    Mutation("a segment is a negative of itself", "objective/terms/next_segment.py",
             "mask=Csr.one_each(begins), **self.kernel", "**self.kernel",
             ("recipes/test_autotcl.py::test_a_segment_looks_for_the_next_one_of_its_series",)),
    Mutation("likeness at one time is pushed apart", "objective/terms/device_contrast.py",
             "return F.softplus(negative - positive)", "return F.softplus(positive - negative)",
             ("objective/terms/test_device_contrast.py::test_likeness_at_one_time_is_what_it_rewards",)),
    Mutation("devices are read in the order of frames", "encode/windows.py", "node = frame * tracks + window % tracks",
             "node = frame * tracks",
             ("data/device_sets/test_device_set.py::test_windows_of_devices_are_their_chains",)),
    Mutation("positives go beyond the boundary", "objective/terms/slerp_positives.py",
             "c = (1 - (own * other).sum(-1)).clamp_min(0) / ahead", "c = 0 * ahead",
             ("objective/terms/test_slerp_positives.py::test_the_boundary_by_hand",)),
    Mutation("a group that is held out trains", "tasks/graph_folds.py",
             "dtype=torch.bool).index_fill(0, test, False)", "dtype=torch.bool)",
             ("data/sound_sets/test_sound_set.py::test_a_group_is_held_out_or_each_in_turn",)),
    Mutation("a node's own key is mixed into its negatives", "objective/latents/mix_hardest.py",
             "own=own, generator=generator)", "own=None, generator=generator)",
             ("objective/latents/test_mix_hardest.py::test_a_row_does_not_mix_the_key_of_its_own_node",)),
    Mutation("the same candidates are drawn at every step", "augment/edge_edits.py",
             "order = chance.argsort(stable=True)", "order = torch.arange(len(chance))",
             ("augment/test_edge_edits.py::test_candidates_are_drawn_anew_and_all_come_in_their_turn",)),
    Mutation("held-out links are candidates", "data/edge_candidates.py",
             "alike_strangers(x, pairs, k, held_out(data))", "alike_strangers(x, pairs, k)",
             ("augment/test_edge_modifier.py::test_held_out_links_are_no_candidates_and_never_added",
              "data/test_edge_answers.py::test_held_out_links_are_in_no_question")),
    Mutation("edits are made in one direction", "augment/edge_edits.py",
             "torch.cat([pairs, pairs.flip(0)], dim=1), torch.cat([model, model])", "pairs, model",
             ("augment/test_edge_modifier.py::test_edits_are_symmetric_and_no_pair_comes_twice",)),
    Mutation("the selector compares lengths", "augment/selector.py",
             "F.cosine_similarity(content, context, dim=2)", "(content * context).sum(2)",
             ("augment/test_selector.py::test_the_length_of_an_embedding_does_not_make_it_likest",)),
    Mutation("texts go into prompts as they are", "llm/prompts.py",
             "undefined=StrictUndefined, finalize=as_data,", "undefined=StrictUndefined,",
             ("llm/test_prompts.py::test_any_text_stays_in_its_place",)),
    Mutation("equal questions are asked again", "llm/engine.py", "if len(nodes) > 1:", "if len(nodes) > 99:",
             ("llm/test_engine.py::test_equal_questions_are_asked_once_and_answer_all_their_nodes",)),
    Mutation("a server may ask to wait for ever", "llm/limits.py", "return min(seconds, self.max_wait)",
             "return seconds", ("llm/test_engine.py::test_waits_grow_are_uneven_and_capped",)),
    Mutation("the budget forgets what is under way", "llm/engine.py", "self.outcome.cost + self._reserved + self",
             "self.outcome.cost - self", ("llm/test_engine.py::test_the_budget_stops_cleanly_and_is_kept",)),
    Mutation("new texts are fitted anew", "data/graphs/texts.py", "fitted = encoder or fit_text", "fitted = fit_text",
             ("data/graphs/test_texts.py::test_new_nodes_are_encoded_as_in_training",)),
    Mutation("views of other edges are taken", "data/text_views.py",
             "if made_of.get(what) != digest:", 'if what == "texts" and made_of.get(what) != digest:',
             ("data/test_text_views.py::test_views_of_another_graph_are_refused",)),
    Mutation("a pair counts in the sum of one end alone", "objective/kernels/mutual.py",
             "total[stop:] += block[:, stop - start :].sum(0)", "total[stop:] += 0.0",
             ("objective/kernels/test_mutual.py::test_several_blocks_and_a_second_backward",)),
    Mutation("a summary starts its walk anywhere", "llm/offline/textrank.py",
             "personalization=start", "personalization=None",
             ("llm/offline/test_textrank.py::test_sentences_are_ranked_as_the_equation_says",)),
    Mutation("a trend that sees the next row", "encode/windows.py",
             "total.index_select(0, node + 1) - total.index_select(0, node + 1 - known)",
             "total.index_select(0, (node + 2).clamp_max(len(node))) - total.index_select(0, node + 1 - known)",
             ("encode/test_window_encoder.py::test_lags_and_trend_by_loops",)),
    Mutation("rows of validation among those that are trained on", "data/series/series.py",
             '"train": (0, valid)', '"train": (0, test)',
             ("data/series/test_series.py::test_each_row_is_forecast_in_one_part_and_none_across_a_break",
              "tasks/test_rca.py::test_held_out_rows_do_not_move_what_is_trained_on")),
    Mutation("a metric that was constant is left out", "rca/change.py",
             "unit = np.where(before, scaling.level * np.abs(center),", "unit = np.where(before, np.nan,",
             ("rca/test_change.py::test_a_metric_that_was_constant_and_moves_is_evidence",)),
    Mutation("the weakest edge of the graph, not of the cycle", "rca/walk.py",
             "sorted(edges, key=lambda edge: -edge[2])", "sorted(edges, key=lambda edge: edge[2])",
             ("rca/test_walk.py::test_a_self_edge_takes_nothing_with_it_and_an_edge_on_no_cycle_stays_however_weak",)),
    Mutation("a walk that ends at the symptom", "rca/walk.py",
             'if direction == "to_causes" else', 'if direction != "to_causes" else',
             ("rca/test_walk.py::test_a_walk_to_causes_ends_at_the_cause_and_the_other_way_at_the_symptom",)),
    Mutation("names of columns as markup", "rca/page.py", "autoescape=True", "autoescape=False",
             ("rca/test_page.py::test_names_of_columns_are_text_only",)),
    Mutation("a counter is compared across the seam of a normal part", "data/telemetry/clean.py",
             "[:, stretch[1:] == stretch[:-1]]", "[:, stretch[1:] >= 0]",
             ("data/telemetry/test_read.py::test_nothing_is_compared_across_the_seam_of_a_normal_part",)),
    Mutation("errors where none were are no anomaly", "rca/detect.py", "np.isnan(unit) & (center == 0)",
             "np.isnan(unit) & (center != 0)",
             ("rca/test_detect.py::test_errors_where_none_were_and_a_sample_that_is_missing_date_it_right",)),
    Mutation("an effect before its cause", "rca/prior.py", "onset[edge[0]] <= onset[edge[1]]",
             "onset[edge[0]] >= onset[edge[1]]",
             ("rca/test_walk.py::test_edges_that_do_not_agree_with_a_prior_are_left_out[onset-left1]",)),
    Mutation("a gap of one service as an anomaly", "rca/detect.py", "GAP = 0.1", "GAP = 0.0",
             ("rca/test_simulate.py::test_no_fault_is_no_anomaly_in_spite_of_gaps_and_restarts",)),
    Mutation("a neural cause as an effect", "rca/run.py", "for effect, cause in np.argwhere",
             "for cause, effect in np.argwhere", ("rca/test_run.py::test_causes_that_stand_out_by_hand",)),
    Mutation("parts of a range that lose their last moment", "data/telemetry/prometheus.py",
             "min(first + MOST_MOMENTS, moments) - 1", "min(first + MOST_MOMENTS, moments) - 2",
             ("data/telemetry/test_prometheus.py::test_a_long_range_is_asked_for_in_parts_and_is_whole",)),
    Mutation("a return that holds what came before it", "data/returns.py",
             "reward[events + 1] + discount", "reward[events] + discount",
             ("data/test_returns.py::test_returns_are_the_discounted_rewards_of_later_events",)),
    Mutation("a user who comes back as another", "data/returns.py",
             "gap[ptr[1:][ptr[1:] > ptr[:-1]] - 1] = 0.0", "gap[:0] = 0.0",
             ("data/test_returns.py::test_rewards_by_hand",)),
    Mutation("a node that is asked for the next one's return", "encode/decision_transformer.py",
             "items + asked + self.kinds[1]", "items + asked.roll(-1, 0) + self.kinds[1]",
             ("encode/test_decision_transformer.py::test_a_node_knows_its_past_and_its_own_return_alone",)),
    Mutation("own negatives without their weights", "objective/kernels/contrast.py",
             "if own and own_log_weights is not None:", "if not own:",
             ("recipes/test_returns.py::test_its_value_is_that_of_the_formula",)),
    Mutation("clusters of training examples with dropout", "engine/examples.py",
             "    model.eval()\n", "    model.train()\n",
             ("engine/test_examples.py::test_clusters_are_of_every_example_as_a_step_reads_it[packed]",)),
    Mutation("clusters by position, not by number", "objective/states/of_rows.py",
             "if field in self.by_row else value", "if field in () else value",
             ("engine/test_examples.py::test_examples_with_other_numbers_are_looked_up_by_them",)),
    Mutation("who shares a cluster is a negative", "objective/terms/info_nce.py",
             "mask, positives = Csr.one_each(positives), pool", "positives = pool",
             ("objective/terms/test_info_nce.py::TestPapers::test_iclrec_intents",)),
    Mutation("a hidden item that another augmenter of the view unmarks", "augment/chain_pieces.py",
             "    return marked(taken, _masked(graph, nodes))", "    return taken",
             ("recipes/test_sequences.py::test_hidden_items_are_found_among_all_by_what_stood_there",)),
    Mutation("records embedded without the recipe's view", "engine/embed.py",
             "_view(model, views, name, graph.to(device), batch)", "View(graph.to(device))",
             ("recipes/test_sequences.py::test_hidden_items_teach_the_rule_to_a_mask_at_the_end",)),
    Mutation("a history that begins with another user's", "tasks/sequence_batches.py",
             "torch.maximum(runs.ptr[self.user], self.stop - max_len)", "(self.stop - max_len).clamp_min(0)",
             ("tasks/test_sequence.py::test_whole_rows_are_read_to_their_end_and_say_so",)),
    Mutation("a sampled candidate that the user has had", "tasks/ranking/candidates.py",
             "had.union(positives)", "positives",
             ("tasks/test_sequence.py::test_sampled_metrics_are_among_items_that_the_user_never_had_and_are_marked",
              "tasks/test_recommend.py::test_sampled_metrics_are_among_items_that_the_user_never_had_and_are_marked")),
    Mutation("negatives corrected by their log-Q the wrong way", "objective/terms/sampled_softmax.py",
             "log_weights=None if log_counts is None else -log_counts",
             "log_weights=None if log_counts is None else log_counts",
             ("objective/terms/test_sampled_softmax.py::test_in_expectation_the_corrected_gradient_is_the_full_one"
              "_and_the_plain_one_is_not",)),
    Mutation("a history read from its beginning", "tasks/runs.py",
             "torch.maximum(self.ptr[:-1], self.ptr[1:] - most), self.ptr[1:]",
             "self.ptr[:-1], torch.minimum(self.ptr[1:], self.ptr[:-1] + most)",
             ("cli/test_sequences.py::test_of_a_long_history_the_last_items_are_read",)),
    Mutation("lists of stored embeddings for the whole history", "serve/queries.py",
             '(self._place[users] >= 0) & (seen != "all")', "self._place[users] >= 0",
             ("cli/test_sequences.py::test_without_test_reads_to_the_end_and_leaves_all_out",)),
    Mutation("features of a new graph in the order of its file", "data/graphs/match.py",
             "return x if x is None else x.index_select(", "return x if names else x.index_select(",
             ("cli/test_own_graph.py::test_every_form_of_the_same_graph_says_the_same[columns]",)),
    Mutation("edges of a DGL batch not grouped by graph", "dgl/convert.py",
             "order = member.argsort(stable=True)", "order = torch.arange(member.numel())",
             ("dgl/test_convert.py::test_edges_of_a_batch_are_grouped_by_graph",)),
    Mutation("negatives that are only held out", "tasks/sequence_batches.py",
             "(counts > 0).long()", "torch.ones_like(counts)",
             ("tasks/test_sequence.py::test_an_item_that_is_only_held_out_is_in_no_batch[packed]",)),
    Mutation("items numbered by what is held out", "data/histories.py", "seen = log.items[train]", "seen = log.items",
             ("data/test_histories.py::test_positions_of_items_follow_from_train_alone",
              "tasks/test_sequence.py::test_noise_in_place_of_what_is_held_out_changes_nothing_in_training[packed]")),
    Mutation("the item that is predicted last is read", "tasks/sequence_batches.py",
             "self.stop.index_select(0, ids))", "self.stop.index_select(0, ids) + 1)",
             ("tasks/test_sequence_batches.py::test_an_epoch_holds_every_example_once",)),
    Mutation("validation reads what it asks for", "tasks/questions.py", 'return self.train if split == "valid" else',
             'return self.train if split == "test" else',
             ("tasks/test_sequence.py::test_valid_reads_train_and_test_reads_validation_too",)),
    Mutation("p inverted in drop_edges", EDGES, "kept = uniform(total, units[0], generator) >= chance",
             "kept = uniform(total, units[0], generator) < chance",
             ("augment/test_structure_of_graphs.py::test_p_is_the_dropped_share_of_edges",
              AUGMENTERS + "test_at_strength_zero_nothing_changes[drop_edges-plain]")),
    Mutation("p inverted in mask_features", FEATURES, "uniform(x.shape[1], x, generator) < chance",
             "uniform(x.shape[1], x, generator) >= chance",
             ("augment/test_features.py::test_p_is_the_masked_share_of_columns_for_all_nodes",
              AUGMENTERS + "test_at_strength_zero_nothing_changes[mask_features-plain]")),
    Mutation("input written to in an augmenter", FEATURES, "return x.masked_fill(uniform(x.shape[1]",
             "return x.masked_fill_(uniform(x.shape[1]",
             ("augment/test_features.py::test_pure_and_only_x_changes",
              AUGMENTERS + "test_its_input_is_not_written_to_and_not_shared[mask_features-plain]")),
    Mutation("a plain function takes a value out of range", "augment/plain.py", "if not number or not all(",
             "if not number and not all(",
             ("augment/test_plain.py::test_each_refuses_what_its_options_refuse[drop_edges]",)),
    Mutation("one direction of an edge dropped", EDGES, "edge_units(graph, symmetric)", "edge_units(graph, False)",
             ("augment/test_structure_of_graphs.py::test_undirected_stays_undirected_with_paired_attributes",
              AUGMENTERS + "test_nodes_types_batches_and_symmetry_are_kept[drop_edges-bipartite]")),
    Mutation("a piece of a chain that never reaches its end", "augment/chain_pieces.py", "(draws * (room + 1)).long()",
             "(draws * room).long()", ("augment/test_chains.py::test_every_piece_is_as_likely",)),
    Mutation("similar items of the batch", "engine/views.py", 'getattr(augmenter.module, "prepares_task", False)',
             "False", ("engine/test_views.py::test_similar_items_are_of_the_task_s_chains_not_of_the_batch",)),
    Mutation("padding seen by a chain that sees all of itself", "encode/chain_groups.py",
             "causal or group.real is None", "True",
             ("encode/test_chain_transformer.py::test_it_is_the_masked_form[post-gelu-2-False]",
              "encode/test_chain_transformer.py::test_a_chain_does_not_depend_on_the_others[False]")),
    Mutation("central edges dropped first", "augment/centrality.py", "(top - score) / torch.where",
             "(score - score.min()) / torch.where",
             ("augment/test_centrality.py::TestSpread::test_hand_worked",
              "augment/test_centrality.py::TestEdges::test_central_edges_are_kept_and_without_centrality_all_are_alike")),
    Mutation("the false component taken for the true one", "objective/states/beta_mixture.py",
             "mixture.posterior(s)[:, 0] * s", "mixture.posterior(s)[:, 1] * s",
             ("objective/states/test_beta_mixture.py::test_the_curve_is_hardness_times_the_probability_of_a_true_negative",)),
    Mutation("a sketch of two draws", "engine/flow.py", 'getattr(module, "one_draw", False)', "False",
             ("engine/test_flow.py::test_a_latent_may_be_drawn_once_for_all_views_and_anew_each_step",)),
    Mutation("the decoder sees hidden nodes", "encode/decoder.py", "latent.masked_fill(masked[:, None], 0.0)", "latent",
             ("encode/test_gat.py::TestDecoder::test_what_a_hidden_node_gets_does_not_depend_on_its_own_latent",)),
    Mutation("gradient of attention lost", "graph/operators/weighted.py", "ctx.needs_input_grad[0] else None",
             "False else None",
             ("graph/operators/test_weighted.py::test_values_and_gradients_are_those_of_the_dense_product",
              "encode/test_gat.py::test_gradients_are_those_of_finite_differences")),
    Mutation("noise leaves the orthant", "graph/operators/stochastic.py", ".mul_(y.sign())", "",
             ("graph/operators/test_stochastic.py::test_noise_has_length_eps_and_stays_in_the_orthant",)),
    Mutation("sign of the contrastive loss", "objective/kernels/contrast.py", "value = denominator - weigh(",
             "value = -denominator + weigh(", ("objective/kernels/test_contrast.py::TestLosses::test_info_nce",)),
    Mutation("sign of BPR", "objective/terms/bpr.py", "F.softplus(-(user", "F.softplus((user",
             ("objective/terms/test_bpr.py::test_value_is_minus_log_sigmoid",)),
    Mutation("own negatives dropped from the denominator", "objective/kernels/contrast.py",
             "own = [] if own_candidates is None else [own_logits(a, folded[0])]", "own: list[Tensor] = []",
             ("objective/terms/test_info_nce.py::TestPapers::test_moco_with_mixed_hard_negatives",)),
    Mutation("negatives within the view dropped", "objective/terms/info_nce.py",
             "pool = torch.cat([pool, anchors.values])", "pool = torch.cat([pool, anchors.values * 0])",
             ("objective/terms/test_info_nce.py::TestPapers::"
              "test_anchor_batches_against_all_nodes_add_up_to_the_whole_loss",)),
    Mutation("duplicates counted once", "objective/base.py", "return once, counts.to(",
             "return once, torch.ones_like(counts).to(",
             ("objective/terms/test_info_nce.py::TestPairing::test_duplicates_on_both_sides_count_as_often_as_they_occur",)),
    Mutation("weights of anchors lost in the candidates' gradient", "objective/kernels/blockwise.py",
             "grad_c.addmm_(block.t(), a if factor is None else a * factor.unsqueeze(-1))",
             "grad_c.addmm_(block.t(), a)",
             ("objective/kernels/test_log_partition.py::test_unique_anchors_with_counts_equal_duplicates",)),
    Mutation("momentum of the teacher inverted", "objective/states/ema.py", "mine.lerp_(theirs, 1.0 - momentum)",
             "mine.lerp_(theirs, momentum)",
             ("objective/states/test_states.py::TestEMA::test_equals_the_student_then_follows_it",)),
    Mutation("order of the queue", "objective/states/queue.py",
             "torch.arange(entered - len(keys), entered, device=keys.device)",
             "torch.arange(len(keys), device=keys.device)",
             ("objective/states/test_states.py::TestQueue::test_first_in_first_out",)),
    Mutation("seen items not masked", "tasks/ranking/topk.py", "        if seen is not None:", "        if False:",
             ("tasks/ranking/test_topk.py::test_seen_denied_and_not_allowed_items_are_never_given",
              "tasks/ranking/test_evaluate.py::test_a_seen_item_is_masked_even_where_it_is_a_positive")),
    Mutation("no discount in NDCG", "tasks/ranking/metrics.py", "discount = 1.0 / torch.log2(rank + 1)",
             "discount = torch.ones_like(rank)", ("tasks/ranking/test_evaluate.py::test_hand_worked_values",)),
    Mutation("ties go by place in the catalogue", "tasks/ranking/ties.py",
             "return _mix(items ^ row.unsqueeze(1))", "return (_MASK - items).expand(users.numel(), -1)",
             ("tasks/ranking/test_select.py::test_each_item_is_first_among_equals_equally_often",)),
    Mutation("negatives that the user has", "tasks/sampling.py", "units + skipped, right=True", "units, right=True",
             ("tasks/test_sampling.py::test_samples_are_unseen_and_repeat_under_one_seed",)),
    Mutation("a split that leaks", "data/build.py", "return rows[~leaked], int(leaked.sum())",
             "return rows, int(leaked.sum())",
             ("data/test_build_interactions.py::test_leaks_of_given_files_are_removed_and_counted",)),
    Mutation("the graph holds test edges", "tasks/recommend.py", "pairs = self.data.train\n",
             "pairs = self.data.train.join(self.data.held_out.test)\n",
             ("engine/test_leaks.py::test_nothing_made_for_training_sees_it[graph]",
              "tasks/test_recommend.py::test_what_is_planted_in_test_reaches_neither_graph_nor_batches")),
    Mutation("diffusion against the direction of edges", "graph/diffusion.py",
             "SparseOperator.from_scipy(parts.matrix, device).T", "SparseOperator.from_scipy(parts.matrix, device)",
             ("augment/test_diffusion.py::test_what_a_tower_without_a_norm_multiplies_by_is_the_kernel[row-directed-ppr]",)),
    Mutation("an anchor is its own partner", "augment/sources.py", "chosen = chosen + (chosen >= own)",
             "chosen = chosen + 0 * own",
             ("augment/test_sources.py::test_a_partner_is_another_of_the_group_and_each_is_drawn",)),
    Mutation("workers repeat their epochs", "augment/transform.py", '("worker", worker.seed)', '("worker", worker.id)',
             ("augment/test_transform.py::test_in_a_loader_epochs_differ_and_a_seeded_loader_repeats[2]",)),
    Mutation("labels of test nodes handed out", "tasks/node.py", "train, labels = splits[0].train,",
             "train, labels = splits[0].test,",
             ("engine/test_sources_in_the_loop.py::test_labels_of_training_nodes_are_used_and_no_others",)),
    Mutation("sign of the whole loss", "engine/phases.py", "scaled.append(value * term.weight)",
             "scaled.append(-value * term.weight)",
             ("engine/test_phases.py::test_one_sgd_step_is_the_gradient_of_the_weighted_sum",)),
    Mutation("gradient of a share divided by the number of ranks", "objective/kernels/blockwise.py",
             "ctx.factor = 1 if division is None else division.count", "ctx.factor = 1",
             ("engine/test_distributed.py::test_value_and_gradient_of_every_term_are_those_of_one_process[info_nce]",)),
    Mutation("one rank's weights taken for all", "engine/shares.py",
             "total = ranks.add_(total_weight(group).detach().clone().reshape(1))",
             "total = total_weight(group).detach().clone().reshape(1)",
             ("engine/test_distributed.py::test_value_and_gradient_of_every_term_are_those_of_one_process[bpr]",)),
    Mutation("neighbours drawn with replacement", "graph/neighbours.py", "torch.where(taken, top, drawn)", "drawn",
             ("graph/test_neighbours.py::test_every_subset_is_drawn_equally_often",)),
    Mutation("rows of a piece named by their place in it", "engine/anchors.py",
             "return positions if nodes is None else nodes.index_select(0, positions)", "return positions",
             ("engine/test_large_graph.py::test_a_batch_is_a_piece_around_its_nodes_whose_rows_keep_their_names",)),
    Mutation("a row's lower bound taken for its upper one", "objective/pot/intervals.py",
             "-rule.columns(-at.high, adjacency)", "rule.columns(at.high, adjacency)",
             ("objective/pot/test_enumeration.py::test_no_deletion_within_the_budget_violates_the_bound[row-row-0-2_layers]",)),
    Mutation("the normalisation of kept neighbours at the wrong end", "objective/pot/rows.py",
             "torch.where(values >= 0, least",
             "torch.where(values < 0, least",
             ("objective/pot/test_rows.py::test_rows_of_every_deletion_lie_within_both_bounds",
              "objective/pot/test_rows.py::test_the_row_bound_is_its_definition")),
    Mutation("the budget of deletions is ignored", "objective/pot/rows.py", "return self.degree - self.budget",
             "return self.degree",
             ("objective/pot/test_rows.py::test_rows_of_every_deletion_lie_within_both_bounds",
              "objective/pot/test_rows.py::test_hand_worked_star",
              "objective/pot/test_enumeration.py::test_no_deletion_within_the_budget_violates_the_bound[row-row-0-sgc]")),
    Mutation("virtual step of first order", "engine/phases.py", "parameter - inner.lr * gradient",
             "parameter - inner.lr * gradient.detach()",
             ("plugins/test_plugins.py::test_the_second_order_gradient_is_that_of_finite_differences",)),
    Mutation("rows of a restricted encoding mistaken", "engine/flow.py", "torch.searchsorted(kept, picked + start)",
             "torch.searchsorted(kept, picked)", ("engine/test_restriction.py::test_loss_and_gradients_are_the_same",)),
    Mutation("views drawn by the epoch", "engine/views.py", '"step": step}[plan.redraw]', '"step": epoch}[plan.redraw]',
             ("engine/test_views.py::test_when_a_view_is_drawn_anew",)),
    Mutation("false pairs scored as true ones", "objective/terms/discriminate.py",
             "return F.softplus(-true) + F.softplus(false)", "return F.softplus(-true) + F.softplus(-false)",
             ("objective/terms/test_discriminate.py::test_dgi_nodes_and_corrupted_nodes_beside_one_summary",
              "objective/terms/test_discriminate.py::test_corrupted_nodes_of_several_graphs_stand_beside_their_own")),
    Mutation("a graph's own nodes among its false pairs", "objective/terms/discriminate.py",
             ".scatter(1, own[:, None], 0.0)", "",
             ("objective/terms/test_discriminate.py::test_infograph_nodes_beside_their_graph_and_the_others",)),
    Mutation("identity left out of the decorrelation", "objective/terms/decorrelation.py",
             "(z.T @ z / count - torch.eye(width, dtype=z.dtype, device=z.device))", "(z.T @ z / count)",
             ("objective/terms/test_decorrelation_variance.py::test_correlation_and_covariance_against_numpy",)),
    Mutation("one rate through the whole warm-up", "engine/schedule.py", "min((step + 1) / warmup, 1.0)", "1.0",
             ("engine/test_schedule.py::test_the_warm_up_is_linear_over_its_steps",)),
    Mutation("test nodes choose a probe's settings", "tasks/probes/base.py", 'valid=case.part("valid"), seed=seed)',
             'valid=case.part("test"), seed=seed)',
             ("tasks/test_node.py::test_validation_chooses_and_the_named_split_judges",)),
    Mutation("held-out links stay in the graph", "data/graphs/links.py", "torch.cat([kept, kept.flip(0)], dim=1) if",
             "torch.cat([order, order.flip(0)], dim=1) if",
             ("data/graphs/test_links.py::test_parts_are_disjoint_complete_and_of_their_sizes",
              "tasks/test_node.py::test_links_are_judged_without_labels_and_training_does_not_see_them")),
    Mutation("momentum of the optimizer not restored", "engine/checkpoint.py",
             'optimizer.load_state_dict({**current, "state": values})', "optimizer.load_state_dict(current)",
             ("engine/test_checkpoint.py::test_round_trip_of_parameters_states_optimizer_and_counters",)),
    Mutation("the judged fold is among those fitted on", "tasks/graph_folds.py",
             "NodeSplit(torch.cat([self.rest, self.following]).sort().values,",
             "NodeSplit(torch.cat([self.rest, self.following, self.test]).sort().values,",
             ("tasks/test_graph.py::test_each_graph_is_judged_once_by_a_probe_that_never_saw_it",)),
    Mutation("dropped nodes are pooled", "encode/pooling.py", "kept = kept_nodes(graph)", "kept = None",
             ("encode/test_gin.py::test_dropped_nodes_are_as_if_they_had_never_been[False-mean]",)),
    Mutation("a graph may lose every node", "augment/drop_nodes.py", 'kept[""] |= first_of_each(graph, -draws[""])',
             'kept[""] |= False',
             ("augment/test_drop_nodes.py::test_nodes_are_dropped_at_one_rate_in_small_and_large_graphs_and_one_is_left",)),
    Mutation("edges of a packed batch are not shifted", "data/graph_sets/packed.py",
             "+ pointer(sizes)[:-1].repeat_interleave(edges)", "+ 0 * pointer(sizes)[:-1].repeat_interleave(edges)",
             ("data/graph_sets/test_graph_set.py"
              "::test_packing_loses_nothing_and_batches_as_torch_geometric_does",)),
    Mutation("training sees the test part", "tasks/graph.py",
             "if self._given is None:\n            return torch.arange",
             "if True:\n            return torch.arange",
             ("tasks/test_images.py::test_training_sees_no_image_of_the_test_part",)),
    Mutation("similar patches that are far away win", "graph/patches.py",
             "torch.cdist(place, place).argsort(dim=1, stable=True)",
             "torch.cdist(place, place).argsort(dim=1, stable=True, descending=True)",
             ("graph/test_patches.py::test_an_image_without_contrast_joins_each_patch_with_those_beside_it",)),
    Mutation("a convolution reads the next chain", "encode/chain_conv.py", "inside = room >= distance",
             "inside = node + step < len(h)",
             ("encode/test_chain_conv.py::test_neighbours_are_those_of_the_own_chain",)),
    Mutation("series are scaled by their test part", "data/series_sets/make.py",
             "raw.values if split is None else [raw.values[n] for n in split.train.tolist()]", "raw.values",
             ("data/series_sets/test_series_set.py::test_the_scale_is_that_of_the_training_part",)),
    Mutation("codes are of another image", "objective/terms/predict_codes.py",
             "return -(codes * (widen", "return -(codes.roll(1, 0) * (widen",
             ("tasks/test_images.py::test_contrast_learns_what_is_the_same_in_two_crops[swav_patches]",)),
    Mutation("regions below each other are one", "encode/pooling.py",
             "row * regions // layout.rows * regions", "row * regions // layout.rows",
             ("encode/test_pooling.py::test_regions_of_images_stand_beside_each_other",)),
    Mutation("codes are of rows alone", "objective/terms/predict_codes.py",
             "logs = logs - logs.logsumexp(dim=0, keepdim=True)", "logs = logs - 0",
             ("objective/terms/test_predict_codes.py::test_many_turns_use_all_prototypes_alike",)),
    Mutation("a mirrored patch keeps its side", "graph/places.py", "place[:, 2:] * scale]", "place[:, 2:]]",
             ("graph/test_places.py::test_a_piece_of_a_mirrored_image_is_on_the_other_side",)),
    Mutation("two of a class may meet", "tasks/partition.py", "dealt = ids[order[place < number]]",
             "dealt = ids[order]",
             ("tasks/test_partition.py::test_no_two_of_a_class_meet_and_only_the_surplus_waits",)),
    Mutation("kinds of nodes are numbered anew in other code", "data/code_sets/packed.py",
             "(UNKNOWN, *forest.kinds) if kinds is None else tuple(kinds)", "(UNKNOWN, *forest.kinds)",
             ("data/code_sets/test_code_set.py::test_code_to_embed_is_read_as_the_code_that_was_trained_on",)),
    Mutation("a bond's kind is told by its stereochemistry", "data/molecules/atoms.py", "graph.edge_attr[:, 0]",
             "graph.edge_attr[:, 1]", ("data/molecules/test_molecules.py::test_bonds_keep_their_kind",)),
    Mutation("edges of a kind are not normalised", "graph/operators/by_kind.py", "scales(matrix, norm)",
             "scales(matrix, 'none')",
             ("graph/operators/test_by_kind.py::test_parts_are_those_of_dense_matrices_and_add_up[True-row]",)),
    Mutation("a name leaves the path of data that was given before it", "core/config/data_source.py",
             '    del data["path"]\n', "    pass\n",
             ("core/test_data_source.py::test_one_file_may_have_both_as_a_run_writes_them",)),
    Mutation("a recipe's settings for a data set replace its parent's", "core/config/tree.py",
             "merged[name] = {**kept, **copy.deepcopy(settings)}", "merged[name] = {**copy.deepcopy(settings)}",
             ("core/test_per_data.py::test_own_paths_win_and_the_others_stay",)),
    Mutation("a run keeps paths as they were written", "engine/run.py", "recipe.with_absolute_paths().to_yaml()",
             "recipe.to_yaml()",
             ("cli/test_augment.py::test_views_of_a_relative_path_are_found_from_any_folder",)),
    Mutation("a column called as a role hides the named one", "data/graphs/roles.py",
             "if name in roles or name not in named}", "}",
             ("data/graphs/test_roles.py::test_named_columns_play_their_roles",)),
    Mutation("16-bit pixels are always of 16 bits", "data/images/depth.py", ">> (self.bits - 8)", ">> 8",
             ("data/images/test_images.py::test_16_bits_of_which_fewer_are_used",)),
)


def mutated(mutation: Mutation, folder: Path) -> None:
    """A copy of the repository with the break in it.

    Raises:
        ValueError: the piece does not occur exactly once: the code has moved on, so should the mutation.
    """
    for piece in PIECES:
        source = ROOT / piece
        if source.is_dir():
            shutil.copytree(source, folder / piece, symlinks=True)
        else:
            shutil.copy2(source, folder / piece)
    path = folder / "graphcl" / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(f"its piece occurs {text.count(mutation.old)} times in {mutation.file}")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def run_tests(tests: Sequence[str], folder: Path) -> tuple[int, str]:
    """pytest on these node ids in a copy, in this process: its exit code and what it says."""
    import pytest

    os.chdir(folder)
    # In the place of this script's folder, where packages of tests have names of libraries (dgl, recbole).
    sys.path[:] = [str(folder), *(path for path in sys.path if Path(path) != ROOT / "tests")]
    os.environ["PYTHONPATH"] = str(folder)  # for tests that start processes
    options = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", "-rf"]
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = pytest.main([*options, *(f"tests/{test}" for test in tests)])
    return int(code), said.getvalue()


def survivors(mutation: Mutation, output: str) -> list[str]:
    """Tests that should have failed and did not."""
    lines = [line for line in output.splitlines() if line.startswith("FAILED")]
    failed = [line.split()[1].removeprefix("tests/") for line in lines]
    return [test for test in mutation.tests if not any(line.startswith(test) for line in failed)]


def judge(mutation: Mutation) -> str:
    """"" when the tests notice, else what is wrong. For a process of its own, which imports the copy."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder = Path(name)
        try:
            mutated(mutation, folder)
        except ValueError as error:
            return str(error)
        code, output = run_tests(mutation.tests, folder)
        os.chdir(ROOT)
    if code not in (0, 1):  # 1: tests failed, which is what we want; 2 to 5: they did not even run
        return f"its tests cannot run:\n{output}"
    missed = survivors(mutation, output)
    return f"survives {', '.join(missed)}" if missed else ""


def load_libraries() -> None:
    """Import what takes seconds, once, before processes are forked; nothing of the package itself."""
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    for library in ("hypothesis", "networkx", "pandas", "pydantic", "pyarrow", "scipy.sparse", "sklearn.linear_model",
                    "torch", "torch_geometric.data", "torch_geometric.utils"):
        importlib.import_module(library)


def main(names: Sequence[str]) -> int:
    """Judge the mutations of these names, or all; 1 if any survives."""
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    if not chosen:
        print(f"no such mutation; known: {', '.join(mutation.name for mutation in MUTATIONS)}", file=sys.stderr)
        return 2
    failures = 0
    load_libraries()
    with multiprocessing.get_context("fork").Pool(WORKERS, maxtasksperchild=1) as pool:
        for mutation, problem in zip(chosen, pool.imap(judge, chosen), strict=True):
            print(f"{'SURVIVED' if problem else 'noticed '}  {mutation.name}{': ' + problem if problem else ''}")
            failures += bool(problem)
    print(f"{len(chosen) - failures} of {len(chosen)} mutations are noticed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
