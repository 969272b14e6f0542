// Memory of per-row FP32 scales: one write port, one read port, both always ready.
//
// A read in the cycle of a write to the same word returns the old word. Addresses wrap modulo
// Words.
//
// Parameters: Words, a power of two, at most 65536.
// Latency: rd_data_o holds the word two cycles after rd_valid_i, until the next. Throughput: one
// word per cycle.
module fvgm_rbuf #(
  parameter int unsigned Words = 256
) (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        rd_valid_i,
  input  logic [15:0] rd_addr_i,
  output logic [31:0] rd_data_o,

  input  logic        wr_valid_i,
  input  logic [15:0] wr_addr_i,
  input  logic [31:0] wr_data_i
);

  localparam int unsigned WordBits = $clog2(Words);

  if (Words != 2 ** WordBits || Words < 2) begin : gen_illegal_words
    $error("fvgm_rbuf: Words must be a power of two, >= 2");
  end
  if (WordBits > 16) begin : gen_illegal_range
    $error("fvgm_rbuf: Words must be at most 65536");
  end

  logic [31:0] ram_data;
  logic pending_q;

  fvgm_ram_1r1w #(
    .Width(32),
    .Depth(Words)
  ) u_ram (
    .clk_i,
    .wr_en_i(wr_valid_i),
    .wr_addr_i(wr_addr_i[WordBits-1:0]),
    .wr_data_i,
    .rd_en_i(rd_valid_i),
    .rd_addr_i(rd_addr_i[WordBits-1:0]),
    .rd_data_o(ram_data)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) pending_q <= 1'b0;
    else pending_q <= rd_valid_i;
    if (pending_q) rd_data_o <= ram_data;
  end

  if (WordBits < 16) begin : gen_unused
    logic unused_addr;
    assign unused_addr = ^{rd_addr_i[15:WordBits], wr_addr_i[15:WordBits]};
  end

endmodule
