// First-in first-out queue in front of a unit: Depth entries of Width bits, valid/ready on both
// sides. Latency 1 cycle, throughput one entry per cycle. ready_o does not depend on ready_i.
module fvgm_mpu_queue #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 2
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic valid_i,
  output logic ready_o,
  input  logic [Width-1:0] data_i,
  output logic valid_o,
  input  logic ready_i,
  output logic [Width-1:0] data_o
);

  localparam int unsigned PtrBits = $clog2(Depth);

  if (Depth < 2 || (Depth & (Depth - 1)) != 0) begin : g_depth
    $error("fvgm_mpu_queue: Depth must be a power of two, at least 2");
  end

  logic [Width-1:0] mem_q [Depth];
  logic [PtrBits:0] wr_q, rd_q;

  assign ready_o = wr_q - rd_q != (PtrBits + 1)'(Depth);
  assign valid_o = wr_q != rd_q;
  assign data_o = mem_q[rd_q[PtrBits-1:0]];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q <= '0;
      rd_q <= '0;
    end else begin
      if (valid_i && ready_o) wr_q <= wr_q + 1'b1;
      if (valid_o && ready_i) rd_q <= rd_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i && ready_o) mem_q[wr_q[PtrBits-1:0]] <= data_i;
  end

endmodule
