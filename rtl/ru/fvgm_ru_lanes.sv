// Read data to results: copies as they are, c1 + k * (c1 - c2) in eight FP16 lanes.
//
// slot_i, k_i: the read accepted in this cycle; rd_data_i comes two cycles later. A pair of c1 waits
// for its pair of c2, whose two units then enter the lanes in two cycles; meanwhile the next pair of
// c1 or a copy may come. Copies wait as long as a pair takes in the lanes, so that results leave in
// the order of their reads. The lanes never stop.
//
// Latency: a copy or a read of c2 to push_o: 2 + Delay = 17 cycles. Throughput: a pair of units
// copied per cycle, a unit extrapolated per cycle. Errors: none.
module fvgm_ru_lanes
  import fvgm_fp_pkg::*;
  import fvgm_ru_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  ru_slot_t          slot_i,
  input  logic [31:0]       k_i,
  input  logic [1:0][127:0] rd_data_i,

  output logic              push_o,
  output logic [1:0][127:0] data_o
);

  // Registers behind the read data: conversion, lanes, and one for the second unit of a pair.
  localparam int unsigned LaneLatency = 2 * FpAddLatency + FpMulLatency + FpToF16Latency;
  localparam int unsigned Delay = 1 + LaneLatency + 1;

  // Slots beside their data
  ru_slot_t slot1_q, slot2_q;
  logic [31:0] k2;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      slot1_q <= '0;
      slot2_q <= '0;
    end else begin
      slot1_q <= slot_i;
      slot2_q <= slot1_q;
    end
  end

  fvgm_ru_delay #(
    .Width(32),
    .Stages(2)
  ) u_k2 (
    .clk_i,
    .data_i(k_i),
    .data_o(k2)
  );

  // Pairs of c1 and c2 to units
  logic second_q, lane_valid_q;
  logic [1:0][127:0] c1_q;
  logic [127:0] c2_upper_q, c1_unit, c2_unit;
  logic [31:0] k3_q, k7;

  assign c1_unit = second_q ? c1_q[1] : c1_q[0];
  assign c2_unit = second_q ? c2_upper_q : rd_data_i[0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      second_q <= 1'b0;
      lane_valid_q <= 1'b0;
    end else begin
      second_q <= slot2_q.c2;
      lane_valid_q <= slot2_q.c2 || second_q;
    end
    if (slot2_q.c1) c1_q <= rd_data_i;
    if (slot2_q.c2) begin
      c2_upper_q <= rd_data_i[1];
      k3_q <= k2;
    end
  end

  fvgm_ru_delay #(
    .Width(32),
    .Stages(FpAddLatency)
  ) u_k7 (
    .clk_i,
    .data_i(k3_q),
    .data_o(k7)
  );

  // Lanes
  logic [127:0] result, lower_q;
  logic [RuLanes-1:0] result_valid;

  for (genvar i = 0; i < RuLanes; i++) begin : gen_lane
    fvgm_ru_lane u_lane (
      .clk_i,
      .rst_ni,
      .take_i(slot2_q.c2 || second_q),
      .c1_i(c1_unit[16*i+:16]),
      .c2_i(c2_unit[16*i+:16]),
      .valid_i(lane_valid_q),
      .k_i(k7),
      .valid_o(result_valid[i]),
      .y_o(result[16*i+:16])
    );
  end

  always_ff @(posedge clk_i) begin
    if (result_valid[0]) lower_q <= result;
  end

  // Copies beside them
  logic [Delay-1:0] push_q;
  logic ext;
  logic [1:0][127:0] copy;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) push_q <= '0;
    else push_q <= {push_q[Delay-2:0], slot2_q.copy || slot2_q.c2};
  end

  fvgm_ru_delay #(
    .Width(257),
    .Stages(Delay)
  ) u_copy (
    .clk_i,
    .data_i({slot2_q.c2, rd_data_i}),
    .data_o({ext, copy})
  );

  assign push_o = push_q[Delay-1];
  assign data_o = ext ? {result, lower_q} : copy;

  logic unused_valid;
  assign unused_valid = ^result_valid[RuLanes-1:1];

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(OneUnitPerCycle, second_q |-> !slot2_q.c2)
  `FVGM_ASSERT(ResultInTime, push_o && ext |-> result_valid[0])

endmodule
