// Joins read data with the slots that asked for them, one group of 8 elements per cycle.
//
// slot_i: the issue stage's slot in the cycle of its (accepted) request; rd_data_i: two vbuf units,
// two cycles later. A FP16 group is one unit: the first group of a read takes the lower one, the
// slot marked `held` the upper one. A FP32 group is both units. RESIDUAL reads two groups of x, then
// two groups of y, and issues them in the cycle of y and, by itself, in the next.
// Latency 3 cycles from slot to group_*_o (registered). x_o: the group of x (RESIDUAL), FP16.
// data_o: FP16 in the lower half, or FP32 if fp32_o. No error outputs.
`include "fvgm_assert.svh"

module fvgm_sfu_load
  import fvgm_sfu_pkg::*;
(
    input  logic clk_i,
    input  logic rst_ni,

    input  logic                  valid_i,
    input  slot_t                 slot_i,
    input  logic [2*UnitBits-1:0] rd_data_i,

    output logic                  valid_o,
    output tag_t                  tag_o,
    output logic                  fp32_o,
    output logic [2*UnitBits-1:0] data_o,
    output logic [  UnitBits-1:0] x_o
);

  logic s1_valid_q, s2_valid_q;
  slot_t s1_q, s2_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      s1_valid_q <= 1'b0;
      s2_valid_q <= 1'b0;
    end else begin
      s1_valid_q <= valid_i;
      s2_valid_q <= s1_valid_q;
    end
    if (valid_i) s1_q <= slot_i;
    if (s1_valid_q) s2_q <= s1_q;
  end

  // Upper units wait here for their own cycle
  logic [UnitBits-1:0] upper_q;
  logic [2*UnitBits-1:0] x_pair_q;

  always_ff @(posedge clk_i) begin
    if (s2_valid_q && !s2_q.held && !s2_q.fp32 && !s2_q.x_pair) begin
      upper_q <= rd_data_i[2*UnitBits-1:UnitBits];
    end
    if (s2_valid_q && s2_q.x_pair) x_pair_q <= rd_data_i;
  end

  // Second group of a y pair
  logic second_q;
  tag_t second_tag_q;
  logic [UnitBits-1:0] second_x_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) second_q <= 1'b0;
    else second_q <= s2_valid_q && s2_q.y_pair && s2_q.second;
    if (s2_valid_q && s2_q.y_pair && s2_q.second) begin
      second_tag_q <= s2_q.tag;
      second_tag_q.group.index <= s2_q.tag.group.index + 1'b1;
      second_tag_q.group.lanes <= s2_q.second_lanes;
      second_tag_q.group.row_last <= s2_q.second_last;
      second_x_q <= x_pair_q[2*UnitBits-1:UnitBits];
    end
  end

  logic group_valid;

  assign group_valid = (s2_valid_q && !s2_q.x_pair) || second_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else valid_o <= group_valid;

    if (second_q) begin
      tag_o <= second_tag_q;
      fp32_o <= 1'b0;
      data_o[UnitBits-1:0] <= upper_q;
      x_o <= second_x_q;
    end else if (group_valid) begin
      tag_o <= s2_q.tag;
      fp32_o <= s2_q.fp32;
      data_o[UnitBits-1:0] <= s2_q.held ? upper_q : rd_data_i[UnitBits-1:0];
      if (s2_q.fp32) data_o[2*UnitBits-1:UnitBits] <= rd_data_i[2*UnitBits-1:UnitBits];
      if (s2_q.y_pair) x_o <= x_pair_q[UnitBits-1:0];
    end
  end

  `FVGM_ASSERT(OneGroupPerCycle, second_q |-> !s2_valid_q || s2_q.x_pair)

endmodule
